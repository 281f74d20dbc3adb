// Draws a batch of scenes without a game: one JPEG each, as base64.
import { draw } from "./draw.js";

const TINY = [48, 27];

window.paint = async (scenes, width, height, quality) => {
  const pictures = [];
  for (const scene of scenes) {
    const canvas = new OffscreenCanvas(...(scene.kind === "tiny" ? TINY : [width, height]));
    draw(canvas, scene);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    pictures.push(btoa(text));
  }
  return pictures;
};
