// Plays parts of a signal.

import { RATE } from "./timeline.js";

export class Player {
  /** `moved` gets the position in seconds while it plays, and null at the end. */
  constructor(moved) {
    this.moved = moved;
    this.context = null;
    this.source = null;
    this.signal = null;
  }

  load(signal) {
    this.stop();
    this.signal = signal;
  }

  get isPlaying() {
    return this.source !== null;
  }

  /** Play from `begin` to `end`, in seconds. */
  play(begin, end) {
    if (!this.signal) return;
    this.stop();
    this.context ??= new AudioContext();
    this.context.resume();
    const part = this.signal.subarray(Math.round(begin * RATE), Math.round(end * RATE));
    const buffer = this.context.createBuffer(1, part.length, RATE);
    buffer.copyToChannel(part, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    source.onended = () => {
      if (this.source === source) this.stop();
    };
    source.start();
    this.source = source;
    const from = this.context.currentTime;
    const show = () => {
      if (this.source !== source) return;
      this.moved(Math.min(end, begin + this.context.currentTime - from));
      requestAnimationFrame(show);
    };
    show();
  }

  stop() {
    const { source } = this;
    this.source = null;
    source?.stop();
    this.moved(null);
  }
}
