// Files on their way to the kernel.

import { weight } from "./form_field.js";

const PIECE = 1 << 20;
const LARGEST = 30 * PIECE;
const UNDER_WAY = 4; // pieces that may be unanswered at a time

// Files go in pieces, a few under way at a time; each is answered before the next ones leave.
export class Uploads {
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.files = new Map();
  }

  start(file) {
    const id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    const trouble = file.size > LARGEST ? `${file.name} is ${weight(file.size)}; at most ${weight(LARGEST)} can be sent` : "";
    const link = URL.createObjectURL(file);
    this.files.set(id, { file, link, trouble, sent: trouble ? 1 : 0, next: 0, answered: 0 });
    return { upload: id, name: file.name, size: file.size };
  }

  state(id) {
    return this.files.get(id);
  }

  async send(id) {
    const state = this.files.get(id);
    if (!state || state.trouble || state.busy) return;
    state.busy = true; // by one loop at a time
    const { file } = state;
    const count = Math.max(1, Math.ceil(file.size / PIECE));
    while (state.next < count && state.next - state.answered < UNDER_WAY && !state.trouble) {
      const i = state.next++;
      const piece = await file.slice(i * PIECE, (i + 1) * PIECE).arrayBuffer();
      this.model.send({ kind: "chunk", id, name: file.name, size: file.size, i }, undefined, [piece]);
    }
    state.busy = false;
  }

  answered(message) {
    const state = this.files.get(message.id);
    if (!state) return;
    if (message.kind === "refused") {
      Object.assign(state, { trouble: message.why, sent: 1 });
    } else {
      state.answered += 1;
      state.sent = Math.min(1, (state.answered * PIECE) / Math.max(1, state.file.size));
      this.send(message.id);
    }
    this.changed();
  }

  close() {
    for (const { link } of this.files.values()) URL.revokeObjectURL(link);
  }
}
