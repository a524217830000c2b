// The preview of the motion: the regions cut out and moved along their paths, without Kling.

import { along, eased, fromApi } from "./geometry.js";
import { STILL } from "./drawing.js";
import { make } from "./dom.js";

export const SECONDS = 3;

export class Film {
  /** Cut the picture apart as it is drawn on now. */
  constructor(picture, drawing) {
    this.size = drawing.size;
    const cut = (layer) => ({ layer, image: piece(picture, drawing.size, layer) });
    const painted = drawing.layers.filter((layer) => layer.bits);
    this.held = painted.filter((layer) => layer.id === STILL).map(cut);
    this.moving = painted.filter((layer) => layer.id !== STILL && layer.points.length > 1).map(cut);
    this.ground = filled(picture, this.moving);
  }

  get empty() {
    return !this.moving.length;
  }

  /** Draw the picture as it is at a share of the clip. */
  draw(pen, share) {
    const [width, height] = this.size;
    pen.drawImage(this.ground, 0, 0, width, height);
    for (const { layer, image } of this.moving) {
      const path = layer.points.map((point) => fromApi(point, this.size));
      const [x, y] = along(path, eased(share));
      pen.drawImage(image, x - path[0][0], y - path[0][1], width, height);
    }
    for (const { image } of this.held) pen.drawImage(image, 0, 0, width, height);
  }

  /** Draw several moments at once, for those who do not want motion. */
  drawTrail(pen, share) {
    this.draw(pen, share);
    const [width, height] = this.size;
    pen.globalAlpha = 0.35;
    for (const { layer, image } of this.moving) {
      const path = layer.points.map((point) => fromApi(point, this.size));
      for (const moment of [0, 0.25, 0.5, 0.75, 1]) {
        const [x, y] = along(path, moment);
        pen.drawImage(image, x - path[0][0], y - path[0][1], width, height);
      }
    }
    pen.globalAlpha = 1;
  }
}

/** The part of the picture under a layer's mask. */
function piece(picture, [width, height], layer) {
  const { width: across, height: down } = picture;
  const image = new ImageData(across, down);
  for (let y = 0, i = 3; y < down; y++) {
    const row = Math.floor(((y + 0.5) * height) / down) * width;
    for (let x = 0; x < across; x++, i += 4) {
      if (layer.mask[row + Math.floor(((x + 0.5) * width) / across)]) image.data[i] = 255;
    }
  }
  const canvas = make("canvas", { width: across, height: down });
  const pen = canvas.getContext("2d");
  pen.putImageData(image, 0, 0);
  pen.globalCompositeOperation = "source-in";
  pen.drawImage(picture, 0, 0);
  return canvas;
}

/** The picture without its moving pieces, their places filled from what surrounds them. */
function filled(picture, pieces) {
  const { width, height } = picture;
  const canvas = make("canvas", { width, height });
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  pen.globalCompositeOperation = "destination-out";
  for (const { image } of pieces) {
    for (const [dx, dy] of [[0, 0], [-3, 0], [3, 0], [0, -3], [0, 3]]) pen.drawImage(image, dx, dy);
  }
  const holes = make("canvas", { width, height });
  holes.getContext("2d").drawImage(canvas, 0, 0);
  pen.globalCompositeOperation = "destination-over";
  for (let step = 2; step < 2 * Math.max(width, height); step *= 2) {
    const small = make("canvas", {
      width: Math.max(1, Math.round(width / step)),
      height: Math.max(1, Math.round(height / step)),
    });
    const brush = small.getContext("2d");
    brush.imageSmoothingQuality = "high";
    brush.drawImage(holes, 0, 0, small.width, small.height);
    for (let i = 0; i < 3; i++) pen.drawImage(small, 0, 0, width, height);
  }
  return canvas;
}
