// The picture on the screen with the layers over it: how large, which part, and what lies where.

import { clamp, fromApi } from "./geometry.js";
import { STILL } from "./drawing.js";
import { make } from "./dom.js";

const TALLEST = 460;
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];

export class Stage {
  constructor(picture, drawing, label, help) {
    this.picture = picture;
    this.drawing = drawing;
    this.zoom = 0;
    this.cross = drawing.size.map((side) => Math.floor(side / 2) + 0.5);
    this.pencil = null;
    this.film = null;
    this.canvas = make("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": label,
      "aria-describedby": help,
    });
    this.frame = make("div", { class: "kp-stage" }, this.canvas);
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.frame);
  }

  close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.asked);
  }

  /** Screen pixels for one of the picture. */
  get scale() {
    const [width, height] = this.drawing.size;
    const room = this.frame.clientWidth || 640;
    return Math.min(room / width, TALLEST / height) * ZOOMS[this.zoom];
  }

  magnify(by) {
    this.zoom = by ? clamp(this.zoom + by, 0, ZOOMS.length - 1) : 0;
    this.fit();
    this.reveal();
  }

  fit() {
    const [width, height] = this.drawing.size;
    const { scale, canvas } = this, sharp = window.devicePixelRatio || 1;
    const wanted = [width, height].map((side) => Math.round(side * scale));
    canvas.style.width = `${wanted[0]}px`;
    canvas.style.height = `${wanted[1]}px`;
    [canvas.width, canvas.height] = wanted.map((side) => Math.round(side * sharp));
    this.draw();
  }

  /** Scroll to the crosshair where the picture is larger than its frame. */
  reveal() {
    const { frame, scale } = this;
    frame.scrollLeft = this.cross[0] * scale - frame.clientWidth / 2;
    frame.scrollTop = this.cross[1] * scale - frame.clientHeight / 2;
  }

  /** Where on the plane a pointer is. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [width, height] = this.drawing.size;
    return [
      ((event.clientX - box.left) * width) / box.width,
      ((event.clientY - box.top) * height) / box.height,
    ];
  }

  // --- sights of masks ---

  /** Bring the layer's tint up to date within a box of the plane, or all of it. */
  tint(layer, box = null) {
    const [width, height] = this.drawing.size;
    const { width: across, height: down } = this.picture;
    if (!layer.tint) {
      layer.tint = make("canvas", { width: across, height: down });
      box = null;
    }
    const [sx, sy] = [width / across, height / down];
    const left = box ? clamp(Math.floor(box.left / sx) - 1, 0, across) : 0;
    const top = box ? clamp(Math.floor(box.top / sy) - 1, 0, down) : 0;
    const right = box ? clamp(Math.ceil(box.right / sx) + 1, 0, across) : across;
    const bottom = box ? clamp(Math.ceil(box.bottom / sy) + 1, 0, down) : down;
    if (right <= left || bottom <= top) return;
    const image = new ImageData(right - left, bottom - top);
    const colour = [1, 3, 5].map((i) => parseInt(layer.colour.slice(i, i + 2), 16));
    const stripes = layer.id === STILL;
    for (let y = top, i = 0; y < bottom; y++) {
      const row = Math.floor((y + 0.5) * sy) * width;
      for (let x = left; x < right; x++, i += 4) {
        if (!layer.mask[row + Math.floor((x + 0.5) * sx)]) continue;
        const dark = stripes && (x + y) % 12 < 6;
        if (!dark) image.data.set(colour, i);
        image.data[i + 3] = dark ? 110 : 150;
      }
    }
    layer.tint.getContext("2d").putImageData(image, left, top);
  }

  // --- drawing ---

  draw() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.paint();
    });
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    const [width, height] = this.drawing.size;
    pen.setTransform(this.canvas.width / width, 0, 0, this.canvas.height / height, 0, 0);
    this.pixel = width / (this.canvas.width / (window.devicePixelRatio || 1));
    pen.clearRect(0, 0, width, height);
    if (this.film) this.film(pen);
    else this.still(pen, width, height);
    for (const layer of this.drawing.regions) if (layer.visible) this.path(pen, layer);
    if (!this.film && this.pencil) this.outline(pen);
    if (document.activeElement === this.canvas || this.canvas.matches(":focus")) this.aim(pen);
  }

  still(pen, width, height) {
    pen.drawImage(this.picture, 0, 0, width, height);
    for (const layer of this.drawing.layers) {
      if (layer.changed || !layer.tint) this.tint(layer);
      layer.changed = false;
      if (layer.visible) pen.drawImage(layer.tint, 0, 0, width, height);
    }
  }

  path(pen, layer) {
    const points = layer.points.map((point) => fromApi(point, this.drawing.size));
    if (!points.length) return;
    const active = layer === this.drawing.active && !this.film;
    const line = new Path2D();
    points.forEach(([x, y], i) => (i ? line.lineTo(x, y) : line.moveTo(x, y)));
    if (points.length > 1) this.head(line, points);
    for (const [colour, width] of [["#fff", 5], [layer.colour, 2.5]]) {
      Object.assign(pen, { strokeStyle: colour, lineWidth: width * this.pixel, lineJoin: "round" });
      pen.stroke(line);
    }
    points.forEach(([x, y], i) => {
      if (!active && i) return;
      pen.beginPath();
      pen.arc(x, y, (i ? 4 : 8) * this.pixel, 0, 2 * Math.PI);
      Object.assign(pen, { fillStyle: i ? "#fff" : layer.colour, strokeStyle: i ? layer.colour : "#fff" });
      pen.lineWidth = 2 * this.pixel;
      pen.fill();
      pen.stroke();
    });
    this.number(pen, layer, points[0]);
  }

  head(line, points) {
    const [x, y] = points[points.length - 1];
    const from = points.findLast(([px, py]) => px !== x || py !== y);
    if (!from) return;
    const turn = Math.atan2(y - from[1], x - from[0]), length = 13 * this.pixel;
    for (const side of [-0.5, 0.5]) {
      line.moveTo(x, y);
      line.lineTo(x - length * Math.cos(turn + side), y - length * Math.sin(turn + side));
    }
  }

  number(pen, layer, [x, y]) {
    pen.fillStyle = "#fff";
    pen.font = `700 ${11 * this.pixel}px system-ui, sans-serif`;
    Object.assign(pen, { textAlign: "center", textBaseline: "middle" });
    pen.fillText(layer.id, x, y + 0.5 * this.pixel);
  }

  /** The tool's outline where the pointer is: a ring, or the rectangle that is being drawn. */
  outline(pen) {
    const { shape, at, radius, from } = this.pencil;
    if (!at) return;
    pen.beginPath();
    if (shape === "ring") pen.arc(at[0], at[1], radius, 0, 2 * Math.PI);
    else if (from) pen.rect(from[0], from[1], at[0] - from[0], at[1] - from[1]);
    this.twice(pen);
  }

  aim(pen) {
    const [x, y] = this.cross, arm = 9 * this.pixel;
    pen.beginPath();
    pen.moveTo(x - arm, y);
    pen.lineTo(x + arm, y);
    pen.moveTo(x, y - arm);
    pen.lineTo(x, y + arm);
    this.twice(pen);
  }

  /** Stroke so that it is seen on dark and on light. */
  twice(pen) {
    for (const [colour, width] of [["#000a", 3], ["#fff", 1.25]]) {
      Object.assign(pen, { strokeStyle: colour, lineWidth: width * this.pixel });
      pen.stroke();
    }
  }
}
