// What is drawn: layers with a mask and a path each, and the way back and forth between versions.

import { extent, pack, unpack } from "./geometry.js";

export const STILL = "still";

const COLOURS = ["#e5484d", "#f5a524", "#30a46c", "#3e9bff", "#a259ff", "#ff6ac1"];
const STILL_COLOUR = "#e8eaed";
const HISTORY_BYTES = 64e6;

export class Drawing {
  constructor(size, limits) {
    this.size = size;
    this.limits = limits;
    this.layers = [this.fresh(STILL)];
    this.active = this.layers[0];
    this.forget();
  }

  get regions() {
    return this.layers.filter((layer) => layer.id !== STILL);
  }

  get full() {
    return this.regions.length >= this.limits.regions;
  }

  /** A layer with nothing on it; `points` and `bits` are replaced, never changed. */
  fresh(id) {
    const [width, height] = this.size;
    const colour = id === STILL ? STILL_COLOUR : COLOURS[(id - 1) % COLOURS.length];
    const layer = { id, colour, visible: true, points: [], bits: null };
    return Object.assign(layer, { mask: new Uint8Array(width * height), extent: { count: 0 } });
  }

  add() {
    const ids = new Set(this.layers.map((layer) => layer.id));
    let number = 1;
    while (ids.has(String(number))) number++;
    this.active = this.fresh(String(number));
    this.layers = [...this.layers, this.active];
    return this.active;
  }

  remove(layer) {
    const place = this.layers.indexOf(layer);
    this.layers = this.layers.filter((other) => other !== layer);
    if (this.active === layer) this.active = this.layers[Math.min(place, this.layers.length - 1)];
  }

  // --- versions ---

  /** Keep the present state as the version after what is called `label`. */
  commit(label, painted = null) {
    if (painted) {
      painted.extent = extent(painted.mask, this.size);
      painted.bits = painted.extent.count ? pack(painted.mask, this.size) : null;
    }
    this.versions = [...this.versions.slice(0, this.at + 1), this.version(label)];
    const [width, height] = this.size;
    const most = Math.min(Math.max(Math.floor((8 * HISTORY_BYTES) / (width * height)), 8), 200);
    this.versions = this.versions.slice(-most);
    this.at = this.versions.length - 1;
  }

  /** Go back or forth; what was undone or done again, null at the end. */
  step(by) {
    const version = this.versions[this.at + by];
    if (!version) return null;
    const label = by < 0 ? this.versions[this.at].label : version.label;
    this.at += by;
    this.layers = version.layers.map((kept) => this.restored(kept));
    this.active = this.layers.find((layer) => layer.id === version.active) ?? this.layers[0];
    return label;
  }

  forget() {
    this.versions = [this.version("")];
    this.at = 0;
  }

  version(label) {
    const layers = this.layers.map(({ id, points, bits }) => ({ id, points, bits }));
    return { label, active: this.active.id, layers };
  }

  restored({ id, points, bits }) {
    const old = this.layers.find((layer) => layer.id === id) ?? this.fresh(id);
    const layer = { ...old, points, bits };
    if (bits !== old.bits) {
      layer.mask = bits ? unpack(bits, this.size) : this.fresh(id).mask;
      layer.extent = extent(layer.mask, this.size);
      layer.changed = true;
    }
    return layer;
  }

  // --- to and from Python ---

  async sent() {
    const layers = this.layers.map(async ({ id, colour, visible, points, bits }) => {
      const mask = bits ? await squeezed(bits) : new Uint8Array(0);
      // A view, for marimo knows no other bytes.
      return { id, colour, visible, points, mask: new DataView(mask.buffer) };
    });
    return Promise.all(layers);
  }

  async load(layers) {
    const arrived = layers.map(async ({ mask, ...rest }) => {
      const bits = mask.byteLength ? await through(mask, new DecompressionStream("deflate")) : null;
      const layer = { ...this.fresh(rest.id), ...rest, bits, changed: true };
      if (bits) layer.mask = unpack(bits, this.size);
      layer.extent = extent(layer.mask, this.size);
      return layer;
    });
    this.layers = await Promise.all(arrived);
    this.active = this.layers.find((layer) => layer.id === this.active.id) ?? this.layers[0];
    this.forget();
  }
}

const kept = new WeakMap();

/** Bits, compressed; each version of a mask is compressed once. */
function squeezed(bits) {
  if (!kept.has(bits)) kept.set(bits, through(bits, new CompressionStream("deflate")));
  return kept.get(bits);
}

async function through(data, stream) {
  const result = new Blob([data]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(result).arrayBuffer());
}
