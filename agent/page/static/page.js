// Keeps the page fresh: asks for its own address again, takes over what changed, and says so when the box is silent.
import { takeOver } from "./morph.js";
import { Ticking } from "./ticking.js";
import { newlySaid, spoken } from "./saying.js";

const PERIOD_MS = 1000;
const TIMEOUT_MS = 4000;
const MISSES_BEFORE_SILENCE = 2; // one miss is a restart or a hiccup of the Wi-Fi

const said = document.getElementById("said");
const contact = document.getElementById("contact");
let misses = 0;
const ticking = new Ticking(JSON.parse(document.body.dataset.words));

async function refresh() {
  const asked = performance.now();
  const answer = await fetch(location.href, {
    headers: { "X-Refresh": "1" },
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (answer.redirected || answer.status === 401 || answer.status === 404) {
    location.reload(); // the login ran out, or what was shown is no longer there
    return;
  }
  if (!answer.ok) throw new Error(`the box answered ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = fresh.getElementById("main");
  if (!main.dataset.now) throw new Error("not a live page");
  const before = spoken(document.body);
  takeOver(document.getElementById("main"), main);
  takeOver(document.getElementById("clock"), fresh.getElementById("clock"));
  document.title = fresh.title;
  ticking.set(Number(main.dataset.now), asked);
  const news = newlySaid(before, document.body);
  if (showContact(Number(main.dataset.now))) news.unshift(said.dataset.back);
  if (news.length) said.textContent = news.join("; ");
}

// Tells whether contact had been lost.
function showContact(nowMs) {
  const wasLost = !contact.hidden;
  document.getElementById("contact-age").dataset.at = nowMs;
  contact.hidden = true;
  document.body.classList.remove("stale");
  return wasLost;
}

function showSilence() {
  contact.hidden = false;
  document.body.classList.add("stale");
}

async function keepFresh() {
  if (!document.hidden) {
    try {
      await refresh();
      misses = 0;
    } catch {
      misses += 1;
      if (misses >= MISSES_BEFORE_SILENCE) showSilence();
    }
  }
  setTimeout(keepFresh, PERIOD_MS);
}

ticking.set(Number(document.getElementById("main").dataset.now), performance.now());
ticking.start(document);
setTimeout(keepFresh, PERIOD_MS);
