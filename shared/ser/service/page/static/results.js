// The answer of one model: its headline, its track on the time line, its bars, its warnings.

import { counted, element, megabytes, percent, seconds } from "./elements.js";
import { colour, ink } from "./emotions.js";
import { emotionsOf } from "./answers.js";
import { turnsOf } from "./timeline.js";

const UNFAMILIAR = 0.05;
/** Pixels of a turn, below which its name does not fit. */
const NARROW = 64;

export class Result {
  /** `chosen` gets a time in seconds when a turn is chosen, with the end of the turn. */
  constructor(model, title, grid, duration, chosen) {
    Object.assign(this, { model, grid, duration, chosen, title });
    this.emotions = emotionsOf(model);
    this.segments = [];
    this.answer = null;
    this.strip = element("div", { class: "strip", role: "group" });
    this.strip.setAttribute("aria-label", `Turns by ${title}`);
    this.caption = element("p", { class: "caption" }, title);
    this.track = element("div", { class: "track" }, this.caption, this.strip);
    this.headline = element("p", { class: "headline" }, "Judging …");
    this.doubts = element("ul", { class: "doubts" });
    this.whole = element("ul", { class: "bars" });
    this.wholeHint = element("p", { class: "hint" }, "…");
    this.part = element("ul", { class: "bars" });
    this.partTitle = element("h4", {}, "Segment");
    this.partHint = element("p", { class: "hint" }, "Click the waveform to choose a segment.");
    this.actions = element("div", { class: "actions" });
    this.command = element("pre", { tabindex: "0", hidden: true });
    this.card = element(
      "article",
      { class: "result" },
      element("h3", {}, title),
      this.headline,
      element(
        "div",
        { class: "columns" },
        element("div", {}, element("h4", {}, "Whole sound"), this.wholeHint, this.whole),
        element("div", {}, this.partTitle, this.partHint, this.part),
      ),
      this.doubts,
      this.actions,
      this.command,
    );
  }

  /** Show how much of the model has been downloaded. */
  showDownload(bytes, size) {
    this.headline.textContent = `Downloading the model: ${megabytes(bytes)} of ${megabytes(size)}`;
  }

  add(segment) {
    this.segments.push(segment);
  }

  /** Show the segments so far. */
  showProgress() {
    const last = this.segments.at(-1);
    if (last && !this.answer) {
      this.headline.textContent = `Judging … ${percent(Math.min(1, last.end / this.duration))}`;
    }
    this.showTurns(turnsOf(this.segments, this.grid));
  }

  /** Show the whole answer. */
  finish(answer) {
    this.answer = answer;
    this.segments = answer.segments[0];
    this.showTurns(answer.turns[0]);
    const [emotion] = answer.emotions;
    const [confidence] = answer.confidence;
    const text = emotion
      ? [
          element("span", { class: "emotion" }, swatch(emotion), emotion),
          ` with a confidence of ${percent(confidence)}`,
        ]
      : [element("span", { class: "emotion" }, "no emotion"), `: ${answer.reason[0]}`];
    this.headline.replaceChildren(...text);
    this.wholeHint.textContent = `${seconds(this.duration)}, ${counted(this.segments.length, "window")}`;
    this.showBars(this.whole, answer.probabilities[0]);
    this.doubts.replaceChildren(...doubtsOf(answer).map((doubt) => element("li", {}, doubt)));
  }

  /** Show the command for which the clipboard is closed. */
  showCommand(command) {
    this.command.textContent = command;
    this.command.hidden = false;
  }

  /** Show an error instead of the answer. */
  fail(message) {
    this.headline.replaceChildren(element("span", { class: "failed" }, message));
  }

  /** Show the bars of a segment. */
  show(segment) {
    if (!segment) return;
    this.partTitle.textContent = `${seconds(segment.begin)} to ${seconds(segment.end)}`;
    this.partHint.textContent = segment.emotion
      ? `${segment.emotion}, ${percent(segment.speech)} of it speech`
      : `too little speech: ${percent(segment.speech)} of it`;
    this.showBars(this.part, segment.probabilities);
  }

  showTurns(turns) {
    const width = this.strip.clientWidth;
    const buttons = turns.map((turn) => {
      const button = element("button", { type: "button", class: "turn" }, turn.emotion);
      const times = `${seconds(turn.begin)} to ${seconds(turn.end)}`;
      button.title = `${turn.emotion}, ${times}, confidence ${percent(turn.confidence)}`;
      button.setAttribute("aria-label", `${button.title}. Play`);
      button.style.left = `${(100 * turn.begin) / this.duration}%`;
      button.style.width = `${(100 * (turn.end - turn.begin)) / this.duration}%`;
      button.style.background = colour(turn.emotion);
      button.style.color = ink(turn.emotion);
      const share = (turn.end - turn.begin) / this.duration;
      button.classList.toggle("narrow", share * width < NARROW);
      button.addEventListener("click", () => this.chosen(turn.begin, turn.end));
      return button;
    });
    this.strip.replaceChildren(...buttons);
  }

  showBars(list, probabilities) {
    const best = Math.max(...Object.values(probabilities));
    const rows = [...this.emotions].map(([name, emotion]) => {
      const share = probabilities[name];
      const fill = element("span", { class: "fill" });
      fill.style.width = `${100 * share}%`;
      fill.style.background = colour(emotion);
      return element(
        "li",
        { class: share === best ? "best" : "", title: name },
        element("span", { class: "name" }, emotion),
        element("span", { class: "bar", "aria-hidden": "true" }, fill),
        element("span", { class: "value" }, percent(share)),
      );
    });
    list.replaceChildren(...rows);
  }
}

/** Return a square with the colour of an emotion. */
export function swatch(emotion) {
  const made = element("span", { class: "swatch", "aria-hidden": "true" });
  made.style.background = colour(emotion);
  return made;
}

/** Return the reasons to trust an answer less. */
function doubtsOf(answer) {
  const [familiarity] = answer.familiarity;
  const isUnfamiliar = familiarity !== null && familiarity < UNFAMILIAR && answer.speech[0];
  return [
    answer.too_short[0] && "It contains less than half a second of speech, so the probabilities are uncertain.",
    isUnfamiliar &&
      `It was recorded unlike the sounds that the model was trained on (familiarity ${familiarity.toFixed(2)}), ` +
        "so trust the probabilities less.",
    answer.timeline_note?.[0],
    ...(answer.notes ?? []),
  ].filter(Boolean);
}
