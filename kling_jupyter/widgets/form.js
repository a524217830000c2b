// The form of an endpoint, built from `spec` alone. The page holds what is typed and tells the
// kernel; what is wrong, what cannot be had and what it costs comes back from there.

const PIECE = 1 << 20;
const LARGEST = 30 * PIECE;
const UNDER_WAY = 4; // pieces that may be unanswered at a time
const PATIENCE = 250; // milliseconds without a key before the kernel is asked
const LISTED = 60; // longer lists are searched by typing

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function weight(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function put(object, name, value) {
  if (value !== undefined) object[name] = value;
}

// --- what all fields share ---------------------------------------------------------------

// One field: `read` gives its value or undefined, `write` sets it, `control` is what is focused,
// `enable` switches all of it. A field knows its place, such as "dynamic_masks.0.mask".
class Field {
  constructor(form, facts, place) {
    this.form = form;
    this.facts = facts;
    this.place = place;
    this.id = `${form.id}-${place.replaceAll(".", "-")}`;
    this.touched = false;
    this.doc = make("p", "kling-form-doc", facts.doc);
    this.doc.id = `${this.id}-doc`;
    this.why = make("p", "kling-form-why");
    this.why.id = `${this.id}-why`;
    this.error = make("p", "kling-form-error");
    this.error.id = `${this.id}-error`;
    this.why.hidden = this.error.hidden = true;
    this.doc.hidden = !facts.doc;
    form.fields.set(place, this);
  }

  get controls() {
    return [...this.root.querySelectorAll("input, select, textarea, button")];
  }

  changed(now = false) {
    this.touched = true;
    this.form.changed(now);
  }

  heading(tag, target) {
    const heading = make(tag, "kling-form-label", this.facts.label);
    if (target) heading.htmlFor = target;
    if (this.facts.required) heading.append(make("span", "kling-form-needed", " needed"));
    return heading;
  }

  describe(control) {
    const ids = [this.doc, this.why, this.error].filter((p) => !p.hidden).map((p) => p.id);
    if (ids.length) control.setAttribute("aria-describedby", ids.join(" "));
    else control.removeAttribute("aria-describedby");
  }

  enable(on) {
    for (const control of this.controls) control.disabled = !on;
  }

  // Show the verdict: an error, or the reason why the field cannot be had.
  judge(error, reason) {
    const off = Boolean(reason) && this.read() === undefined;
    this.root.classList.toggle("kling-form-off", off);
    if (off !== this.off) this.enable(!off);
    this.off = off;
    this.why.textContent = off ? `${reason}.` : "";
    this.why.hidden = !off;
    this.error.textContent = error;
    this.error.hidden = !error;
    this.root.classList.toggle("kling-form-wrong", Boolean(error));
    const marked = this.marked ?? this.control;
    if (marked) {
      if (error) marked.setAttribute("aria-invalid", "true");
      else marked.removeAttribute("aria-invalid");
      this.describe(marked);
    }
  }

  refuse() {}
  forget() {
    this.form.fields.delete(this.place);
  }
}

// --- texts and numbers -------------------------------------------------------------------

class Text extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    const area = facts.kind === "area";
    this.control = make(area ? "textarea" : "input", "kling-form-text");
    this.control.id = this.id;
    if (area) this.control.rows = place === form.lead ? 3 : 2;
    else this.control.type = "text";
    this.control.autocomplete = "off";
    this.control.placeholder = facts.default || facts.assumed || "";
    this.control.required = facts.required;
    this.control.oninput = () => {
      this.count();
      this.changed();
    };
    this.root = make("div", "kling-form-field");
    const head = make("div", "kling-form-head");
    head.append(this.heading("label", this.id));
    if (facts.maxLength) {
      this.counter = make("span", "kling-form-count");
      head.append(this.counter);
    }
    this.root.append(head, this.control, this.doc, this.why, this.error);
    this.count();
  }

  count() {
    if (!this.counter) return;
    const length = [...this.control.value].length;
    this.counter.textContent = `${length.toLocaleString("en")} / ${this.facts.maxLength.toLocaleString("en")}`;
    this.counter.classList.toggle("kling-form-over", length > this.facts.maxLength);
  }

  read() {
    return this.control.value === "" ? undefined : this.control.value;
  }

  write(value) {
    this.control.value = value ?? "";
    this.count();
  }
}

class Amount extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.control = make("input", "kling-form-number");
    Object.assign(this.control, { type: "number", id: this.id, step: facts.whole ? 1 : "any" });
    this.control.placeholder = facts.default || facts.assumed || "";
    for (const bound of ["min", "max"]) {
      if (facts[bound] !== null && facts[bound] !== undefined) this.control[bound] = facts[bound];
    }
    const row = make("div", "kling-form-row");
    if (facts.min !== null && facts.max !== null && facts.max - facts.min <= 100) {
      this.slider = make("input", "kling-form-slider");
      Object.assign(this.slider, { type: "range", min: facts.min, max: facts.max, step: facts.step });
      this.slider.setAttribute("aria-label", `${facts.label}, slider`);
      this.slider.oninput = () => {
        this.control.value = this.slider.value;
        this.show();
        this.changed();
      };
      row.append(this.slider);
    }
    this.control.oninput = () => {
      this.show();
      this.changed();
    };
    row.append(this.control);
    if (facts.unit && facts.unit !== facts.label.toLowerCase()) row.append(make("span", "kling-form-unit", facts.unit));
    this.root = make("div", "kling-form-field");
    this.root.append(this.heading("label", this.id), row, this.doc, this.why, this.error);
    this.show();
  }

  show() {
    if (!this.slider) return;
    const { min, max } = this.facts;
    const rest = this.facts.default || this.facts.assumed || (min <= 0 && max >= 0 ? 0 : min);
    this.slider.value = this.control.value === "" ? rest : this.control.value;
    this.slider.classList.toggle("kling-form-unset", this.control.value === "");
  }

  read() {
    const text = this.control.value;
    if (text === "" || text === String(this.facts.default)) return undefined;
    return Number(text);
  }

  write(value) {
    this.control.value = value ?? "";
    this.show();
  }
}

// --- choices -----------------------------------------------------------------------------

class Flag extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.control = make("input");
    Object.assign(this.control, { type: "checkbox", id: this.id });
    this.control.onchange = () => this.changed();
    const label = this.heading("label", this.id);
    const row = make("div", "kling-form-flag");
    row.append(this.control, label);
    this.root = make("div", "kling-form-field");
    this.root.append(row, this.doc, this.why, this.error);
  }

  read() {
    return this.control.checked ? this.facts.on : undefined;
  }

  write(value) {
    this.control.checked = value !== undefined && value !== false && value !== "off" && !(typeof value === "object" && !Object.values(value).some(Boolean));
  }

  refuse(refused) {
    this.refusal = refused[String(this.facts.on)];
  }

  judge(error, reason) {
    super.judge(error, reason || this.refusal);
  }
}

// Few choices stand side by side as radio buttons; more are a list.
class Segments extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.root = make("fieldset", "kling-form-field kling-form-segments");
    this.root.append(this.heading("legend"));
    const row = make("div", "kling-form-options");
    const blank = facts.default || facts.required ? [] : [{ value: "", note: "" }];
    this.radios = [...blank, ...facts.choices].map(({ value }, number) => {
      const radio = make("input");
      Object.assign(radio, { type: "radio", name: this.id, value, id: `${this.id}-${number}` });
      radio.onchange = () => this.changed();
      const label = make("label", "", this.named(value));
      label.htmlFor = radio.id;
      const option = make("span", "kling-form-option");
      option.append(radio, label);
      row.append(option);
      return radio;
    });
    this.root.append(row, this.doc, this.why, this.error);
    this.marked = this.root;
    this.write(undefined);
  }

  named(value) {
    if (value === "") return this.facts.assumed ? `default (${this.facts.assumed})` : "not set";
    return this.facts.unit === "seconds" ? `${value} s` : value;
  }

  get control() {
    return this.radios.find((radio) => radio.checked) ?? this.radios[0];
  }

  read() {
    const value = this.radios.find((radio) => radio.checked)?.value;
    return value === undefined || value === "" || value === this.facts.default ? undefined : value;
  }

  write(value) {
    const wanted = value === undefined ? this.facts.default : String(value);
    for (const radio of this.radios) radio.checked = radio.value === wanted;
  }

  enable(on) {
    super.enable(on);
    if (on) this.refuse(this.refused ?? {});
  }

  refuse(refused) {
    this.refused = refused;
    for (const radio of this.radios) {
      radio.disabled = this.off || (radio.value in refused && !radio.checked);
    }
  }

  judge(error, reason) {
    super.judge(error, reason);
    reasons(this);
  }
}

// A long list: a select, or a text that is searched when there are very many, or names that we
// may not know.
class Choice extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.root = make("div", "kling-form-field");
    this.root.append(this.heading("label", this.id));
    if (facts.choices.length > LISTED) this.searched();
    else this.listed();
    this.root.append(this.doc, this.why, this.error);
    this.write(undefined);
  }

  searched() {
    this.control = make("input", "kling-form-text");
    const list = make("datalist");
    list.id = `${this.id}-list`;
    Object.assign(this.control, { type: "text", id: this.id, autocomplete: "off" });
    this.control.setAttribute("list", list.id);
    this.control.placeholder = `Type to search ${this.facts.choices.length}`;
    list.append(
      ...this.facts.choices.map(({ value, note }) => {
        const option = make("option", "", note);
        option.value = value;
        return option;
      }),
    );
    this.control.oninput = () => this.changed();
    this.root.append(this.control, list);
  }

  listed() {
    this.select = this.control = make("select", "kling-form-select");
    this.control.id = this.id;
    const { facts } = this;
    if (!facts.default) this.option("", facts.required ? "Choose …" : "");
    for (const { value, note } of facts.choices) this.option(value, this.worded(value, note));
    if (facts.open) {
      this.option("\0", "Another …");
      this.other = make("input", "kling-form-text");
      Object.assign(this.other, { type: "text", autocomplete: "off", hidden: true });
      this.other.setAttribute("aria-label", `${facts.label}, another`);
      this.other.oninput = () => this.changed();
    }
    this.select.onchange = () => {
      if (this.other) this.other.hidden = this.select.value !== "\0";
      if (this.other && !this.other.hidden) this.other.focus();
      this.changed();
    };
    this.root.append(this.select);
    if (this.other) this.root.append(this.other);
  }

  worded(value, note) {
    const text = this.facts.unit === "seconds" ? `${value} s` : value;
    return note ? `${text} · ${note}` : text;
  }

  option(value, text) {
    const option = make("option", "", text);
    option.value = value;
    this.select.append(option);
  }

  read() {
    let { value } = this.control;
    if (value === "\0") value = this.other.value.trim();
    return value === "" || value === this.facts.default ? undefined : value;
  }

  write(value) {
    const wanted = value === undefined ? this.facts.default : String(value);
    this.control.value = wanted;
    if (!this.select || this.select.value === wanted) {
      if (this.other) this.other.hidden = true;
      return;
    }
    if (!this.other) return this.option(wanted, wanted), (this.select.value = wanted);
    this.select.value = "\0";
    this.other.value = wanted;
    this.other.hidden = false;
  }

  refuse(refused) {
    this.refused = refused;
    if (!this.select) return;
    for (const option of this.select.options) {
      option.disabled = option.value in refused && !option.selected;
    }
  }

  judge(error, reason) {
    super.judge(error, reason);
    reasons(this);
  }
}

// Beside choices that cannot be had stands why, each reason once.
function reasons(field) {
  if (field.off || !field.refused || !field.error.hidden) return;
  const unique = [...new Set(Object.values(field.refused))];
  const few = unique.slice(0, 2).map((reason) => `${reason}.`);
  field.why.textContent = few.join(" ");
  field.why.hidden = !few.length;
  field.describe(field.marked ?? field.control);
}

// --- media -------------------------------------------------------------------------------

class Medium extends Field {
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

// --- lists and parts ---------------------------------------------------------------------

class List extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.items = [];
    this.media = facts.item.kind === "media";
    this.body = make("div", `kling-form-items kling-form-items-${facts.item.kind}`);
    this.add = make("button", "kling-form-quiet");
    this.add.type = "button";
    this.add.textContent = `Add ${facts.item.label.toLowerCase().replace(/s$/, "")}`;
    this.add.onclick = () => {
      this.grow();
      this.items.at(-1).focus();
      if (!this.media) this.changed(true);
    };
    this.control = this.add;
    [this.root, this.inside] = folded(this, place);
    this.inside.append(this.body, this.add);
    this.least();
  }

  // As many empty places as are needed at least, where media are needed.
  least() {
    if (!this.media) return this.limit();
    while (this.items.length < Math.max(this.facts.least, 1)) this.grow();
  }

  limit() {
    this.add.hidden = this.facts.most !== null && this.items.length >= this.facts.most;
  }

  grow(value) {
    const number = this.items.length;
    const one = this.facts.item.label.replace(/s$/, "");
    const facts = { ...this.facts.item, label: `${one} ${number + 1}`, doc: "", required: false };
    const field = build(this.form, facts, `${this.place}.${number}`);
    if (value !== undefined) field.write(value);
    const remove = make("button", "kling-form-quiet", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${facts.label}`);
    remove.onclick = () => {
      const values = this.items.map((item) => item.field.read());
      values.splice(this.items.findIndex((item) => item.field === field), 1);
      this.fill(values);
      this.add.hidden ? this.items.at(-1)?.focus() : this.add.focus();
      this.changed(true);
    };
    const root = make("div", "kling-form-item");
    root.append(field.root, remove);
    this.body.append(root);
    const focus = () => (field.first ?? field.control)?.focus();
    this.items.push({ field, focus });
    this.limit();
  }

  fill(values) {
    for (const { field } of this.items) field.forget();
    this.items = [];
    this.body.replaceChildren();
    for (const value of values) this.grow(value);
    this.least();
  }

  forget() {
    super.forget();
    for (const { field } of this.items) field.forget();
  }

  read() {
    const values = this.items.map(({ field }) => field.read());
    if (this.media) {
      const given = values.filter((value) => value !== undefined);
      return given.length ? given : undefined;
    }
    return values.length ? values.map((value) => value ?? {}) : undefined;
  }

  write(value) {
    const values = value === undefined ? [] : Array.isArray(value) ? value : [value];
    this.fill(values);
    if (values.length && this.root.tagName === "DETAILS") this.root.open = true;
  }

  get first() {
    return this.items.length ? (this.items[0].field.first ?? this.items[0].field.control) : this.add;
  }
}

class Part extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    [this.root, this.inside] = folded(this, place);
    this.parts = facts.fields.map((inner) => build(form, inner, `${place}.${inner.name}`));
    const grid = make("div", "kling-form-grid");
    grid.append(...this.parts.map((part) => part.root));
    this.inside.append(grid);
    if (facts.oneOnly) this.exclusive();
  }

  // Only one of the fields may have a value: giving one takes it from the others.
  exclusive() {
    for (const part of this.parts) {
      part.root.addEventListener("input", () => {
        if (!part.read()) return;
        for (const other of this.parts) if (other !== part) other.write(undefined);
      }, true);
      part.root.addEventListener("input", () => {
        if (part.read()) for (const other of this.parts) if (other !== part) other.write(undefined);
      });
    }
  }

  get control() {
    return this.parts[0].first ?? this.parts[0].control;
  }

  get first() {
    return this.control;
  }

  read() {
    const value = {};
    for (const part of this.parts) put(value, part.facts.name, part.read());
    return Object.keys(value).length ? value : undefined;
  }

  write(value) {
    const given = value && typeof value === "object" ? value : {};
    for (const part of this.parts) part.write(given[part.facts.name]);
    if (value !== undefined && this.root.tagName === "DETAILS") this.root.open = true;
  }

  forget() {
    super.forget();
    for (const part of this.parts) part.forget();
  }
}

// What has an inside: folded away on the top floor when it is rarely used, a group elsewhere.
function folded(field, place) {
  const deep = place.includes(".") || field.form.leading.has(place);
  const inside = make("fieldset", "kling-form-inside");
  inside.append(field.heading("legend"));
  if (deep) {
    const root = make("div", "kling-form-field kling-form-group");
    root.append(inside, field.doc, field.why, field.error);
    field.marked = inside;
    return [root, inside];
  }
  const root = make("details", "kling-form-field kling-form-fold");
  const summary = make("summary");
  summary.append(make("span", "kling-form-label", field.facts.label), field.doc, field.why);
  inside.querySelector("legend").className = "kling-form-hidden";
  root.append(summary, inside, field.error);
  field.marked = inside;
  field.opener = root;
  return [root, inside];
}

function build(form, facts, place) {
  switch (facts.kind) {
    case "number":
      return new Amount(form, facts, place);
    case "flag":
      return new Flag(form, facts, place);
    case "choice":
      return new (facts.segments ? Segments : Choice)(form, facts, place);
    case "media":
      return new Medium(form, facts, place);
    case "list":
      return new List(form, facts, place);
    case "part":
      return new Part(form, facts, place);
    default:
      return new Text(form, facts, place);
  }
}

// --- uploads -----------------------------------------------------------------------------

// Files go in pieces, a few under way at a time; each is answered before the next ones leave.
class Uploads {
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
    if (!state || state.trouble) return;
    const { file } = state;
    const count = Math.max(1, Math.ceil(file.size / PIECE));
    while (state.next < count && state.next - state.answered < UNDER_WAY && !state.trouble) {
      const i = state.next++;
      const piece = await file.slice(i * PIECE, (i + 1) * PIECE).arrayBuffer();
      this.model.send({ kind: "chunk", id, name: file.name, size: file.size, i }, undefined, [piece]);
    }
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

// --- the form ----------------------------------------------------------------------------

class Form {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.id = `kling-${(crypto.randomUUID?.() ?? String(Math.random()).slice(2)).slice(0, 8)}`;
    this.fields = new Map();
    this.top = [];
    this.asked = false; // a press on the button shows what is still missing
    this.uploads = new Uploads(model, () => this.previews());
    const spec = model.get("spec");
    this.leading = new Set(spec.sections.filter((s) => s.name === "input").flatMap((s) => s.fields.map((f) => f.name)));
    this.lead = spec.lead || spec.sections[0].fields[0].name;
    root.append(this.header(spec), ...spec.sections.map((section) => this.section(section)), this.footer());
    this.refill();
  }

  header(spec) {
    const header = make("div", "kling-form-title");
    const title = make("h3", "", spec.title);
    title.id = `${this.id}-title`;
    this.root.setAttribute("aria-labelledby", title.id);
    header.append(title, make("p", "", spec.summary));
    return header;
  }

  section(section) {
    const more = section.name === "more";
    const root = make(more ? "details" : "div", `kling-form-section kling-form-${section.name}`);
    if (more) root.append(make("summary", "", section.title));
    else if (section.title) {
      root.setAttribute("role", "group");
      root.setAttribute("aria-label", section.title);
    }
    const grid = make("div", "kling-form-grid");
    const fields = section.fields.map((facts) => build(this, facts, facts.name));
    this.top.push(...fields);
    grid.append(...fields.map((field) => field.root));
    root.append(grid);
    if (more) this.more = root;
    return root;
  }

  footer() {
    const footer = make("div", "kling-form-foot");
    this.notes = make("ul", "kling-form-notes");
    this.trouble = make("p", "kling-form-trouble");
    this.trouble.setAttribute("role", "alert");
    this.go = make("button", "kling-form-go");
    this.go.type = "button";
    this.go.onclick = () => this.press();
    this.status = make("p", "kling-form-status");
    this.status.setAttribute("role", "status");
    this.status.id = `${this.id}-status`;
    this.go.setAttribute("aria-describedby", this.status.id);
    const copies = make("div", "kling-form-copies");
    for (const [style, text] of [["magic", "Copy as %kling"], ["python", "Copy as Python"]]) {
      const button = make("button", "kling-form-quiet", text);
      button.type = "button";
      button.onclick = () => {
        this.copied.textContent = "";
        this.model.send({ kind: "code", style, values: this.read() });
      };
      copies.append(button);
    }
    this.copied = make("span", "kling-form-copied");
    this.copied.setAttribute("role", "status");
    copies.append(this.copied);
    this.shown = make("pre", "kling-form-code");
    this.shown.tabIndex = 0;
    this.shown.setAttribute("aria-label", "Code of this request");
    this.shown.hidden = true;
    const row = make("div", "kling-form-actions");
    row.append(this.go, this.status, copies);
    footer.append(this.notes, this.trouble, row, this.shown);
    return footer;
  }

  // --- values ---

  read() {
    const values = {};
    for (const field of this.top) put(values, field.facts.name, field.read());
    return values;
  }

  refill() {
    const values = this.model.get("values");
    for (const field of this.top) field.write(values[field.facts.name]);
    const extra = this.model.get("spec").sections.find((s) => s.name === "more")?.fields ?? [];
    if (this.more && extra.some(({ name }) => name in values)) this.more.open = true;
    this.judge();
  }

  changed(now) {
    this.pending = true;
    this.copied.textContent = "";
    this.shown.hidden = true;
    clearTimeout(this.timer);
    if (now) this.tell();
    else this.timer = setTimeout(() => this.tell(), PATIENCE);
  }

  tell() {
    clearTimeout(this.timer);
    this.pending = false;
    this.model.set("values", this.read());
    this.model.save_changes();
  }

  // --- verdict ---

  known(place) {
    return this.model.get("media")[place] ?? {};
  }

  previews() {
    for (const field of this.fields.values()) {
      if (field instanceof Medium) field.preview(this.known(field.place));
    }
  }

  judge() {
    const errors = this.spread(this.model.get("errors"));
    const missing = new Set(this.model.get("missing"));
    const disabled = this.model.get("disabled");
    const refused = this.model.get("refused");
    for (const [place, field] of this.fields) {
      const quiet = missing.has(place) && !this.asked && !field.touched;
      field.refuse(refused[place] ?? {});
      field.judge(quiet ? "" : (errors.get(place) ?? []).join(" "), disabled[place]);
    }
    this.button();
  }

  // An error stands at the field of its place, or at the nearest field around that.
  spread(errors) {
    const spread = new Map();
    for (const [place, text] of Object.entries(errors)) {
      let at = place;
      while (at && !this.fields.has(at)) at = at.slice(0, Math.max(0, at.lastIndexOf(".")));
      if (!at) at = this.lead;
      spread.set(at, [...(spread.get(at) ?? []), text]);
    }
    return spread;
  }

  wrong() {
    const spread = this.spread(this.model.get("errors"));
    return [...this.fields.values()].filter((field) => spread.has(field.place));
  }

  button() {
    const busy = this.model.get("busy");
    const wrong = this.wrong();
    const cost = this.model.get("cost");
    const off = busy || wrong.length > 0;
    this.go.textContent = busy ? "Submitting …" : cost ? `Generate: ${cost}` : "Generate";
    this.go.setAttribute("aria-disabled", String(off));
    const missing = new Set(this.model.get("missing"));
    const list = (fields) => [...new Set(fields.map((field) => field.facts.label))].join(", ");
    const open = wrong.filter((field) => missing.has(field.place));
    const bad = wrong.filter((field) => !missing.has(field.place));
    const lines = [bad.length ? `To fix: ${list(bad)}.` : "", open.length ? `Still needed: ${list(open)}.` : ""];
    const text = lines.filter(Boolean).join(" ") || this.model.get("status");
    if (this.status.textContent !== text) this.status.textContent = text;
    const notes = this.model.get("warnings");
    this.notes.replaceChildren(...notes.map((note) => make("li", "", note)));
    this.notes.hidden = !notes.length;
    this.trouble.textContent = this.model.get("trouble");
    this.trouble.hidden = !this.trouble.textContent;
  }

  press() {
    if (this.model.get("busy") || this.sent === this.model.get("presses")) return;
    if (!this.pending && this.wrong().length) return this.reveal();
    clearTimeout(this.timer);
    this.pending = false;
    this.sent = this.model.get("presses");
    this.asked = true;
    this.model.send({ kind: "submit", press: this.sent, cost: this.model.get("cost"), values: this.read() });
  }

  reveal() {
    this.asked = true;
    this.judge();
    const [first] = this.wrong();
    for (let at = first.root; at && at !== this.root; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    (first.first ?? first.control).focus();
  }

  // --- code ---

  async code({ text, style }) {
    this.shown.textContent = text;
    this.shown.hidden = false;
    const name = style === "magic" ? "%kling" : "Python";
    try {
      await navigator.clipboard.writeText(text);
      this.copied.textContent = `Copied as ${name}.`;
    } catch {
      getSelection().selectAllChildren(this.shown);
      const done = document.execCommand("copy");
      this.copied.textContent = done ? `Copied as ${name}.` : "Press Ctrl+C to copy what is marked.";
    }
  }
}

function render({ model, el }) {
  const root = make("div", "kling kling-form");
  root.setAttribute("role", "group");
  // Without this on whatever has the focus, JupyterLab takes the keys of a radio button or a list
  // for its own commands: typing "dd" would delete the cell.
  root.addEventListener("focusin", (event) => {
    event.target.dataset.lmSuppressShortcuts = "true";
  });
  el.append(root);
  const form = new Form(model, root);
  const events = {
    "change:filled": () => form.refill(),
    "change:presses": () => form.button(),
    "msg:custom": (message) => {
      if (message.kind === "code") form.code(message);
      else if (message.kind === "refusal") form.sent = undefined;
      else form.uploads.answered(message);
    },
  };
  for (const name of ["errors", "missing", "disabled", "refused", "media"]) events[`change:${name}`] = () => form.judge();
  for (const name of ["cost", "busy", "status", "trouble", "warnings"]) events[`change:${name}`] = () => form.button();
  for (const [name, act] of Object.entries(events)) model.on(name, act);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.press();
    }
  });
  return () => {
    clearTimeout(form.timer);
    if (form.pending) form.tell();
    for (const [name, act] of Object.entries(events)) model.off(name, act);
    form.uploads.close();
  };
}

export default { render };
