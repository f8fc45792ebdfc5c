// Keeps the page new, and says when that fails: its own times are compared with the clock and with what a fetch gave.
"use strict";
(() => {
  const OLD = 120, every = Number(document.documentElement.dataset.refresh) * 1000;
  const main = () => document.getElementById("main");
  // The visitor's clock may be wrong: the server's Date corrects it.
  let skew = 0, etag = "", made = Date.parse(main().dataset.made), reached = null, failure = "", timer;
  const now = () => Date.now() + skew;

  const ago = (seconds) => {
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
    if (minutes < 1) return "just now";
    if (minutes < 120) return `${minutes} min ago`;
    return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
  };
  const clock = (time) => new Date(time).toISOString().slice(11, 16) + " UTC";

  const judge = () => {
    for (const part of document.querySelectorAll("[data-age]")) {
      part.textContent = `(${ago((now() - Date.parse(part.dataset.age)) / 1000)})`;
    }
    const age = (now() - made) / 1000, gone = document.getElementById("gone");
    const late = document.querySelector("[data-late]")?.dataset.late;
    const said = failure || (age > OLD && reached ? "The page's server does not answer" : "") ||
      (late && now() > Date.parse(late) ? "The trader is late" : "");
    gone.hidden = !said;
    document.documentElement.classList.toggle("stale", Boolean(said));
    const text = said && `${said}. What you see was made at ${clock(made)} (${ago(age)}) and may be wrong by now. ` +
      "This page tries again by itself; trading does not depend on it.";
    if (gone.textContent !== text) gone.textContent = text;
  };

  const show = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html"), old = main();
    const focused = document.activeElement && old.contains(document.activeElement) ? document.activeElement : null;
    // Whoever is choosing is not disturbed.
    if (focused && focused.matches("select")) return false;
    const name = focused && (focused.id ? "#" + focused.id : focused.getAttribute("href") && `a[href="${focused.getAttribute("href")}"]`);
    const open = [...old.querySelectorAll("details[open]")].map((part) => part.id), top = window.scrollY;
    old.replaceWith(fresh.getElementById("main"));
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (name) main().querySelector(name)?.focus({ preventScroll: true });
    window.scrollTo({ top, behavior: "instant" });
    document.title = fresh.title;
    return true;
  };

  const look = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {},
        signal: AbortSignal.timeout(15000) });
      const date = Date.parse(answer.headers.get("Date")), body = answer.status === 304 ? "" : await answer.text();
      if (date) skew = date - Date.now();
      if (answer.status === 503 && body.includes('id="main"')) show(body), made = now();
      else if (!answer.ok && answer.status !== 304) throw new Error(`The dashboard does not answer (status ${answer.status})`);
      else {
        if (answer.status === 200 && show(body)) etag = answer.headers.get("ETag");
        made = Date.parse(answer.headers.get("X-Milkbot-Made")) || made;
        for (const part of document.querySelectorAll("[data-read]")) part.textContent = new Date(made).toISOString().slice(11, 19);
      }
      reached = true;
      failure = "";
    } catch (error) {
      failure = error.message.startsWith("The dashboard") ? error.message : "The page's server cannot be reached";
    }
    judge();
  };

  const plan = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (!document.hidden) await look();
      plan(every * (0.8 + 0.4 * Math.random()));
    }, wait);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) plan(0); });
  document.addEventListener("change", (event) => event.target.form?.requestSubmit());
  setInterval(judge, 10000);
  // A page that came from a cache is looked at again at once.
  plan((Date.now() - made) / 1000 > OLD ? 0 : every * (0.8 + 0.4 * Math.random()));
})();
