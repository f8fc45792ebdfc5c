// Reads the page again while it is looked at and nobody types, and says so when it cannot.
"use strict";
const EVERY_MS = 15000;
const notice = document.getElementById("away");
let since = null;

function busy() {
  const within = document.activeElement;
  if (within && within.matches("input, summary, button")) return true;
  return [...document.querySelectorAll("main input[type=text]")].some((one) => one.value !== "");
}

async function again() {
  if (document.hidden || busy()) return;
  try {
    const reply = await fetch(location.pathname + location.search, { redirect: "error" });
    if (!reply.ok) throw new Error(reply.status);
    const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
    const open = [...document.querySelectorAll("details[open]")].map((one) => one.id);
    document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main")));
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    since = null;
    notice.hidden = true;
  } catch {
    since = since || new Date();
    notice.textContent = `No connection since ${since.toISOString().slice(11, 19)} UTC: what you see is old. ` +
      "Is bin/operate still running, or has your login ended? Load the page again.";
    notice.hidden = false;
  }
}
setInterval(again, EVERY_MS);
document.addEventListener("visibilitychange", again);
