// Lets ages and dwells go on counting between two answers, and when no answer comes any more: by the browser's
// monotonic clock, set by the box's. The phone's own time of day is never asked.

export class Ticking {
  constructor(words) {
    this.words = words;
    this.ahead = 0;
  }

  // nowMs: the box's monotonic ms when it answered; asked: performance.now() when it was asked.
  set(nowMs, asked) {
    this.ahead = nowMs - asked;
  }

  start(root) {
    const tick = () => {
      for (const element of root.querySelectorAll("[data-tick]")) this.tell(element);
    };
    tick();
    setInterval(tick, 500);
  }

  tell(element) {
    const seconds = Math.max(0, (performance.now() + this.ahead - Number(element.dataset.at)) / 1000);
    if (element.dataset.tick === "bar") {
      element.value = Math.min(element.max, seconds);
      return;
    }
    const text = { ago: () => this.ago(seconds), span: () => this.span(seconds), count: () => `${Math.floor(seconds)}` }[
      element.dataset.tick
    ]();
    if (element.textContent !== text) element.textContent = text;
  }

  // The same words and steps as Words.ago and Words.span in words.py.
  ago(seconds) {
    if (seconds < 60) return this.fill("ago.seconds", seconds);
    if (seconds < 3600) return this.fill("ago.minutes", seconds / 60);
    if (seconds < 48 * 3600) return this.fill("ago.hours", seconds / 3600);
    return this.fill("ago.days", seconds / 86400);
  }

  span(seconds) {
    if (seconds < 60) return this.fill("span.seconds", seconds);
    if (seconds < 3600) return this.fill("span.minutes", seconds / 60, seconds % 60);
    if (seconds < 48 * 3600) return this.fill("span.hours", seconds / 3600, (seconds % 3600) / 60);
    return this.fill("span.days", seconds / 86400, (seconds % 86400) / 3600);
  }

  fill(key, n, m = 0) {
    return this.words[key].replace("{n}", Math.floor(n)).replace("{m}", Math.floor(m));
  }
}
