// The motion brush: everything happens in the page, and each finished step goes to Python once.

import { clamp, toApi } from "./geometry.js";
import { bytes, button, calm, make, select, tell, usage } from "./dom.js";
import { Drawing, STILL } from "./drawing.js";
import { keepKeys } from "./keys.js";
import { Film, SECONDS } from "./film.js";
import { Stage } from "./stage.js";
import { TOOLS, listen, listenToKeys } from "./tools.js";
import { layerList, nameOf, pathTable } from "./sidebar.js";
import { toolbar } from "./toolbar.js";

const HELP =
  "Arrow keys move the crosshair, with Shift further, with Alt by one pixel. Space paints; hold " +
  "it, or press P to put the pen down, and move. Enter adds a point to a path or sets a corner; " +
  "Backspace takes the last point away. B brush, E eraser, R rectangle, F fill, T path. " +
  "[ and ] change the size, + and - the zoom, 0 fits. Ctrl+Z undoes, Ctrl+Y does again. " +
  "Tab leaves the picture; the path is also a table of numbers.";

let widgets = 0;

class Desk {
  constructor(model, el, picture) {
    this.model = model;
    this.group = `kp-brush-${++widgets}`;
    const { width, height, name } = model.get("backdrop");
    this.size = [width, height];
    this.limits = model.get("limits");
    this.drawing = new Drawing(this.size, this.limits);
    this.tool = "brush";
    this.tip = Math.round(clamp(Math.min(width, height) / 12, 4, 400));
    this.pencil = { shape: "ring", at: null, from: null, radius: this.tip / 2 };
    this.stage = new Stage(picture, this.drawing, `${name}, to draw on`, `${this.group}-help`);
    this.stage.pencil = this.pencil;
    this.number = 0;
    this.build(el);
    listen(this.stage, this);
    listenToKeys(this.stage, this);
  }

  get layer() {
    return this.drawing.active;
  }

  get mask() {
    return this.layer.mask;
  }

  get radius() {
    return this.tip / 2;
  }

  get pixel() {
    return this.stage.pixel ?? 1;
  }

  // --- the page ---

  build(el) {
    const { group, stage } = this;
    Object.assign(this, toolbar(this));
    this.layers = make("fieldset", {}, make("legend", {}, "Layers"), make("div"));
    this.path = make("div", { class: "kp-path" });
    this.spoken = make("p", { role: "status", class: "kp-said" });
    this.verdict = make("div", { class: "kp-verdict", "aria-live": "polite" });
    const choice = select("Model", this.model.get("choices"), this.model.get("choice"), (i) => {
      this.model.set("choice", i);
      this.model.save_changes();
    });
    this.choice = choice.querySelector("select");
    const help = make(
      "details",
      {},
      make("summary", {}, "Keys"),
      make("p", { id: `${group}-help` }, HELP),
    );
    this.root = make(
      "section",
      {
        class: "kling kp kp-brush",
        "aria-label": "Motion brush",
        onkeydown: (event) => this.shortcut(event),
      },
      this.toolbar,
      make(
        "div",
        { class: "kp-desk" },
        make("div", { class: "kp-left" }, stage.frame, this.player(), this.spoken),
        make("div", { class: "kp-side" }, this.layers, this.path, choice),
      ),
      this.verdict,
      usage(this.model),
      help,
    );
    keepKeys(this.root);
    el.append(this.root);
  }

  player() {
    this.playing = button("Play the motion", () => (this.film ? this.stop() : this.play()));
    this.moment = make("input", {
      type: "range",
      min: "0",
      max: "100",
      value: "0",
      "aria-label": "Moment of the preview, in percent of the clip",
      oninput: () => this.show(Number(this.moment.value) / 100),
    });
    return make("div", { class: "kp-player" }, this.playing, this.moment);
  }

  refresh() {
    const { drawing } = this;
    const focus = this.root.contains(document.activeElement) ? document.activeElement : null;
    const key = focus?.dataset.key, chosen = focus?.name === this.group;
    this.layers.lastChild.replaceChildren(...layerList(drawing, this, this.group));
    this.path.replaceChildren(...pathTable(drawing, this));
    this.undoing.disabled = drawing.at === 0;
    this.redoing.disabled = drawing.at === drawing.versions.length - 1;
    const route = this.toolbar.querySelector("[value=path]");
    route.disabled = this.layer.id === STILL;
    route.parentElement.title = route.disabled ? "Choose a region: what stays still has no path" : "";
    if (key) this.root.querySelector(`[data-key="${key}"]`)?.focus();
    if (chosen) this.layers.querySelector("input[type=radio]:checked")?.focus();
    this.stage.draw();
  }

  judge() {
    const verdict = this.model.get("verdict");
    if ((verdict.number ?? 0) < this.number) return;
    this.verdict.setAttribute("aria-busy", "false");
    tell(this.verdict, verdict);
  }

  say(text) {
    this.spoken.textContent = text;
  }

  // --- steps ---

  /** What is drawn on must be seen. */
  begin() {
    this.stop();
    if (!this.layer.visible) this.toggle(this.layer);
  }

  touch(box) {
    this.stage.tint(this.layer, box);
    this.stage.draw();
  }

  finish(label, painted = false) {
    this.drawing.commit(label, painted ? this.layer : null);
    this.refresh();
    this.send();
  }

  step(by) {
    this.stop();
    const label = this.drawing.step(by);
    if (label === null) return;
    if (this.tool === "path" && this.layer.id === STILL) this.choose("brush");
    this.say(`${by < 0 ? "Undone" : "Done again"}: ${label}`);
    this.refresh();
    this.send();
  }

  choose(id) {
    if (TOOLS[id].needsRegion && this.layer.id === STILL) {
      this.say("What stays still has no path; choose or add a region");
      return;
    }
    this.tool = id;
    Object.assign(this.pencil, { from: null, shape: TOOLS[id].sized ? "ring" : "box" });
    this.toolbar.querySelector(`[value=${id}]`).checked = true;
    this.sizer.disabled = !TOOLS[id].sized;
    this.say(TOOLS[id].name);
    this.stage.draw();
  }

  resize(by) {
    this.tip = clamp(this.tip + by, 1, Number(this.sizer.max));
    this.pencil.radius = this.tip / 2;
    this.sizer.value = String(this.tip);
    this.sized.textContent = `${this.tip} px`;
    this.stage.draw();
  }

  shortcut(event) {
    if (!(event.ctrlKey || event.metaKey)) return;
    const letter = event.key.toLowerCase();
    if (letter !== "z" && letter !== "y") return;
    event.preventDefault();
    event.stopPropagation();
    this.step(letter === "y" || event.shiftKey ? 1 : -1);
  }

  // --- layers ---

  activate(layer) {
    this.drawing.active = layer;
    if (this.tool === "path" && layer.id === STILL) this.choose("brush");
    this.refresh();
  }

  add() {
    this.stop();
    const layer = this.drawing.add();
    this.finish(`adding ${nameOf(layer)}`);
    this.say(`${nameOf(layer)} added`);
    if (this.drawing.full) this.layers.querySelector("input[type=radio]:checked").focus();
  }

  remove(layer) {
    this.stop();
    this.drawing.remove(layer);
    if (this.tool === "path" && this.layer.id === STILL) this.choose("brush");
    this.finish(`deleting ${nameOf(layer)}`);
    this.say(`${nameOf(layer)} deleted`);
    this.layers.querySelector("input[type=radio]:checked").focus();
  }

  clear(layer) {
    this.stop();
    layer.mask.fill(0);
    layer.points = [];
    layer.changed = true;
    this.drawing.commit(`clearing ${nameOf(layer)}`, layer);
    this.say(`${nameOf(layer)} cleared`);
    this.refresh();
    this.send();
  }

  toggle(layer) {
    layer.visible = !layer.visible;
    this.refresh();
    this.send();
  }

  recolour(layer, colour) {
    Object.assign(layer, { colour, changed: true });
    this.refresh();
    this.send();
  }

  // --- the path ---

  route(places) {
    this.layer.points = places.map((place) => toApi(place, this.size));
    this.stage.draw();
  }

  addPoint() {
    TOOLS.path.key(this, this.stage.cross);
  }

  movePoint(i, axis, text, most) {
    const number = Math.round(Number(text));
    const points = this.layer.points.map((point) => [...point]);
    const before = points[i]?.[axis];
    const after = Number.isFinite(number) && text !== "" ? clamp(number, 0, most) : before;
    if (after === before) {
      this.refresh();
      return;
    }
    points[i][axis] = after;
    this.layer.points = points;
    this.finish("change of a point");
  }

  removePoint(i) {
    this.layer.points = this.layer.points.filter((_, other) => other !== i);
    this.finish("removal of a point");
    this.path.querySelector("[data-key=add-point]").focus();
  }

  shorten() {
    if (!this.layer.points.length) return;
    this.layer.points = this.layer.points.slice(0, -1);
    this.finish("removal of a point");
    this.say(`Last point removed, ${this.layer.points.length} left`);
  }

  // --- preview ---

  show(share) {
    const film = (this.film ??= new Film(this.stage.picture, this.drawing));
    if (film.empty) {
      this.film = null;
      this.say("Nothing moves yet: a region needs paint, and a path of two points");
      return false;
    }
    const draw = calm() ? "drawTrail" : "draw";
    this.stage.film = (pen) => film[draw](pen, share);
    this.playing.textContent = "Stop the preview";
    this.stage.draw();
    return true;
  }

  play() {
    if (calm()) this.moment.value = "100";
    if (!this.show(calm() ? 1 : 0) || calm()) return;
    const began = performance.now();
    const tick = (now) => {
      const share = ((now - began) / 1000 / SECONDS) % 1.15;
      this.moment.value = String(Math.round(100 * Math.min(share, 1)));
      this.show(Math.min(share, 1));
      this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  stop() {
    cancelAnimationFrame(this.frame);
    if (!this.film) return;
    this.film = this.stage.film = null;
    this.playing.textContent = "Play the motion";
    this.moment.value = "0";
    this.stage.draw();
  }

  // --- Python ---

  /** Hand over what is drawn. While the kernel is busy the newest state waits for it. */
  async send() {
    const number = ++this.number;
    this.verdict.setAttribute("aria-busy", "true");
    const layers = await this.drawing.sent();
    if (number !== this.number) return;
    this.mine = { layers, number };
    this.model.set("drawing", this.mine);
    this.model.save_changes();
    tell(this.verdict, { warnings: ["checked when the kernel is free…"] });
    this.judge();
  }

  async load() {
    const drawing = this.model.get("drawing");
    if (drawing === this.mine || (this.mine && drawing.number === this.number)) return;
    const layers = drawing.layers.map((layer) => ({ ...layer, mask: bytes(layer.mask) }));
    await this.drawing.load(layers);
    this.number = drawing.number;
    this.mine = drawing;
    this.refresh();
    this.judge();
  }

  close() {
    this.stop();
    this.stage.close();
  }
}

async function render({ model, el }) {
  const preview = new Blob([bytes(model.get("backdrop").preview)], { type: "image/jpeg" });
  const desk = new Desk(model, el, await createImageBitmap(preview));
  await desk.load();
  const judge = () => desk.judge();
  const load = () => desk.load();
  const choose = () => (desk.choice.selectedIndex = model.get("choice"));
  model.on("change:verdict", judge);
  model.on("change:drawing", load);
  model.on("change:choice", choose);
  return () => {
    model.off("change:verdict", judge);
    model.off("change:drawing", load);
    model.off("change:choice", choose);
    desk.close();
  };
}

export default { render };
