// Has the browser log in by a passkey (/login), or enrol one (/enrol#SECRET).
"use strict";
const enrolling = location.pathname === "/enrol";
const part = document.getElementById(enrolling ? "enrol" : "login");
const button = part.querySelector("button");
const said = document.getElementById("said");

async function ask(path, body) {
  const reply = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (reply.status === 429) throw new Error("Too many tries. Wait a minute, then try again.");
  if (!reply.ok) throw new Error((await reply.text()).trim());
  return reply;
}

async function enrol() {
  const options = await (await ask("/enrol/begin", { link: location.hash.slice(1) })).json();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  await ask("/enrol/finish", (await navigator.credentials.create({ publicKey })).toJSON());
  location.replace("/login");
}

async function login() {
  const options = await (await ask("/login/begin", {})).json();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  await ask("/login/finish", (await navigator.credentials.get({ publicKey })).toJSON());
  location.replace("/");
}

button.addEventListener("click", async () => {
  button.disabled = true;
  said.hidden = true;
  try {
    await (enrolling ? enrol() : login());
  } catch (error) {
    said.textContent = error.name === "NotAllowedError" ? "The device did not confirm. Try again." : error.message;
    said.hidden = false;
  }
  button.disabled = false;
});

part.hidden = false;
if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  button.disabled = true;
  said.textContent = "This browser is too old for passkeys. Update it, or use bin/operate.";
  said.hidden = false;
}
