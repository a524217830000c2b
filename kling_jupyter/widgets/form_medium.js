// Pictures, sounds and videos: by dialog, drop, paste, path, URL or variable.

import { Field, make, weight } from "./form_field.js";

export class Medium extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.root = make("div", "kling-form-field kling-form-medium");
    this.root.setAttribute("role", "group");
    const heading = this.heading("span");
    heading.id = `${this.id}-label`;
    this.root.setAttribute("aria-labelledby", heading.id);
    this.zone = make("div", "kling-form-zone");
    this.picture = make("img", "kling-form-thumb");
    this.picture.alt = "";
    this.picture.referrerPolicy = "no-referrer";
    this.picture.onerror = () => (this.picture.hidden = true);
    this.player = make("audio");
    this.player.controls = true;
    this.player.setAttribute("aria-label", `${facts.label}, preview`);
    this.told = make("p", "kling-form-told");
    this.told.setAttribute("role", "status");
    this.progress = make("progress");
    this.progress.max = 1;
    this.progress.setAttribute("aria-label", `${facts.label}, upload`);
    this.control = make("input", "kling-form-text");
    Object.assign(this.control, { type: "text", id: this.id, autocomplete: "off", spellcheck: false });
    this.control.setAttribute("aria-label", `${facts.label}: ${this.ways()}`);
    this.control.placeholder = this.ways();
    this.control.oninput = () => {
      this.upload = undefined;
      this.preview();
      this.changed();
    };
    const row = make("div", "kling-form-row");
    if (facts.accept) row.append(...this.chooser());
    this.clear = make("button", "kling-form-quiet", "Clear");
    this.clear.type = "button";
    this.clear.setAttribute("aria-label", `Clear ${facts.label}`);
    this.clear.onclick = () => {
      this.write(undefined);
      this.control.focus();
      this.changed(true);
    };
    row.append(this.control);
    const state = make("div", "kling-form-state");
    state.append(this.told, this.clear);
    const words = make("div", "kling-form-words");
    words.append(state, this.progress, this.player, row);
    this.zone.append(this.picture, words);
    this.root.append(heading, this.zone, this.doc, this.why, this.error);
    if (facts.accept) this.dropping();
    this.preview();
  }

  ways() {
    return this.facts.accept ? "path, URL or {variable}" : "URL";
  }

  chooser() {
    this.file = make("input", "kling-form-file");
    Object.assign(this.file, { type: "file", accept: this.facts.accept, id: `${this.id}-file` });
    this.file.setAttribute("aria-label", `${this.facts.label}: choose a file`);
    this.file.onchange = () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (file) this.take(file);
    };
    const label = make("label", "kling-form-choose", "Choose file");
    label.htmlFor = this.file.id;
    label.setAttribute("aria-hidden", "true");
    return [this.file, label];
  }

  dropping() {
    const over = (on) => this.zone.classList.toggle("kling-form-over", on);
    this.zone.ondragover = (event) => {
      if (this.off || !event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      over(true);
    };
    this.zone.ondragleave = () => over(false);
    this.zone.ondrop = (event) => {
      over(false);
      const [file] = event.dataTransfer.files;
      if (!file || this.off) return;
      event.preventDefault();
      event.stopPropagation();
      this.take(file);
    };
    this.zone.onpaste = (event) => {
      const [file] = event.clipboardData.files;
      if (!file || this.off) return;
      event.preventDefault();
      event.stopPropagation();
      this.take(file);
    };
  }

  take(file) {
    this.control.value = "";
    this.upload = this.form.uploads.start(file);
    this.preview();
    this.changed(true);
    this.form.uploads.send(this.upload.upload);
  }

  // What is known here and now; the kernel's word on it comes with the verdict.
  preview(known = {}) {
    const sending = this.upload && this.form.uploads.state(this.upload.upload);
    const part = sending && sending.sent < 1 ? sending.sent : undefined;
    const local = sending?.link;
    this.progress.hidden = part === undefined;
    if (part !== undefined) this.progress.value = part;
    const name = this.upload ? `${this.upload.name} (${weight(this.upload.size)})` : "";
    const empty = this.facts.accept ? `Drop or paste ${this.noun()} here` : "";
    this.told.textContent = sending?.trouble || known.text || name || (this.control.value ? "" : empty);
    this.told.hidden = !this.told.textContent;
    const audio = this.facts.media === "audio";
    const picture = known.picture || (audio ? "" : local) || "";
    this.picture.hidden = !picture;
    if (picture && this.picture.getAttribute("src") !== picture) this.picture.src = picture;
    this.player.hidden = !(audio && local);
    if (audio && local && this.player.getAttribute("src") !== local) this.player.src = local;
    this.clear.hidden = this.read() === undefined;
  }

  noun() {
    return this.facts.media === "audio" ? "a sound" : "an image";
  }

  read() {
    return this.upload ?? (this.control.value.trim() === "" ? undefined : this.control.value);
  }

  write(value) {
    this.upload = typeof value === "object" && value !== null ? value : undefined;
    this.control.value = typeof value === "string" ? value : "";
    this.preview();
  }

  judge(error, reason) {
    super.judge(error, reason);
    this.preview(this.form.known(this.place));
  }
}
