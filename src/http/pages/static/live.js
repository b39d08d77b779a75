// Lets a page follow what happens: asks for its parts again when the gateway says that something changed, and counts
// times on. Without it the page is whole, only not live.
(() => {
  "use strict";
  const body = document.body;
  // The gateway's clock counts, not this machine's.
  const ahead = Date.parse(body.dataset.now) - Date.now();
  const stale = document.getElementById("stale");

  const two = (number) => String(number).padStart(2, "0");
  const length = (seconds, exact) => {
    if (seconds < 3600 && exact) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    return minutes < 2880 ? "1 day" : `${Math.floor(minutes / 1440)} days`;
  };
  const count = () => {
    const now = Date.now() + ahead;
    for (const element of document.querySelectorAll("[data-until],[data-since]")) {
      const { until, since } = element.dataset;
      const seconds = Math.floor((until ? Date.parse(until) - now : now - Date.parse(since)) / 1000);
      const text = until ? (seconds > 0 ? `in ${length(seconds, true)}` : "now") : length(Math.max(0, seconds), false);
      if (element.textContent !== text) element.textContent = text;
    }
  };
  const here = document.querySelector(".top [aria-current]");
  if (here) here.scrollIntoView({ block: "nearest", inline: "center" });
  count();
  setInterval(count, 1000);

  // What is to be kept is copied where the browser lets us: over HTTPS, or on the machine itself.
  const offer = () => {
    for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = !navigator.clipboard;
  };
  offer();
  body.addEventListener("htmx:afterSwap", offer);
  body.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy).textContent;
    navigator.clipboard.writeText(text).then(() => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  });
  // A slash leads to what the page is searched by, unless somebody is writing.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const search = document.querySelector("input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  // What somebody has opened stays open when its part of the page comes anew; while they write in it, it stays as it is.
  let opened = [];
  body.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    if (target.id !== "live") return;
    if (target.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) {
      event.detail.shouldSwap = false;
      return;
    }
    opened = [...target.querySelectorAll("details")].map((details) => details.open);
  });
  body.addEventListener("htmx:afterSwap", () => {
    const live = document.getElementById("live");
    const now = live ? [...live.querySelectorAll("details")] : [];
    if (opened.length === now.length) now.forEach((details, nth) => { if (opened[nth]) details.open = true; });
    opened = [];
  });

  let stamp = body.dataset.stamp;
  let source = null;
  let asking = 0;
  // A connection that comes back at once is nothing to tell.
  let doubt = 0;
  const broken = () => {
    if (!doubt) doubt = setTimeout(() => { stale.hidden = false; }, 8000);
  };
  const whole = () => {
    clearTimeout(doubt);
    doubt = 0;
    stale.hidden = true;
  };
  const follow = () => {
    if (source) return;
    source = new EventSource(body.dataset.events);
    source.addEventListener("news", (event) => {
      whole();
      const [told, spread] = event.data.split(" ");
      if (told === stamp) return;
      stamp = told;
      // Many pages that follow do not all ask in the same moment; more news meanwhile is asked for with it.
      if (asking) return;
      asking = setTimeout(() => {
        asking = 0;
        htmx.trigger(body, "news");
      }, Math.random() * spread);
    });
    source.onerror = () => {
      broken();
      // A refusal closes it for good: try again later, as if it had broken off.
      if (source && source.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(follow, 10000);
      }
    };
  };
  // A page that nobody looks at keeps no connection.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && source) {
      source.close();
      source = null;
    } else if (!document.hidden) {
      follow();
    }
  });
  if (!document.hidden) follow();
  body.addEventListener("htmx:sendError", broken);
  body.addEventListener("htmx:afterSwap", count);
})();
