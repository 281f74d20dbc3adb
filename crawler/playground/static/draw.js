// Draws a scene on a canvas.
export function draw(canvas, scene) {
  const context = canvas.getContext("2d");
  context.fillStyle = `hsl(${scene.seed % 360} 40% 60%)`;
  context.fillRect(0, 0, canvas.width, canvas.height);
}
