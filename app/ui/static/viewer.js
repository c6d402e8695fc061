// The viewer: colors the classes of a mask, and shows, hides and enlarges layers. Without it, the labels are a picture.

const viewer = document.getElementById("viewer");
const image = document.getElementById("image");
const overlay = document.getElementById("mask");
const opacity = document.getElementById("opacity");
const boxes = [...document.querySelectorAll("[data-class]")];
const canvas = document.createElement("canvas");
const zooms = ["fit", "1", "2", "4", "8"];
const pixel = document.getElementById("pixel");
let indices = null;
let zoom = "fit";

// The class of each pixel is the gray value of a picture.
function readIndices(source) {
  canvas.width = source.naturalWidth;
  canvas.height = source.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  indices = new Uint8Array(pixels.length / 4);
  for (let place = 0; place < indices.length; place++) indices[place] = pixels[4 * place];
}

function draw() {
  if (!indices) return;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  const colors = new Array(256).fill(null);
  for (const box of boxes) {
    if (box.checked) colors[box.dataset.class] = box.dataset.color.split(",").map(Number);
  }
  const alpha = Math.round(2.55 * opacity.value);
  for (let place = 0; place < indices.length; place++) {
    const color = colors[indices[place]];
    if (color) pixels.data.set([...color, alpha], 4 * place);
  }
  context.putImageData(pixels, 0, 0);
}

function setZoom(choice) {
  zoom = choice;
  const picture = document.querySelector(".picture");
  const width = image.naturalWidth * Number(choice);
  const fitting = `min(100%, ${(74 * image.naturalWidth) / image.naturalHeight}vh)`;
  picture.style.width = choice === "fit" ? fitting : `${width / (window.devicePixelRatio || 1)}px`;
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.setAttribute("aria-pressed", String(button.dataset.zoom === choice));
  }
}

function step(by) {
  const place = zooms.indexOf(zoom) + by;
  if (place >= 0 && place < zooms.length) setZoom(zooms[place]);
}

function toggle(box) {
  document.getElementById(box.dataset.layer).hidden = !box.checked;
}

function open(id) {
  document.getElementById(id)?.click();
}

const keys = {
  ArrowLeft: () => open("before"),
  ArrowRight: () => open("after"),
  "+": () => step(1),
  "-": () => step(-1),
  0: () => setZoom("fit"),
  u: () => open("show-heat"),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input:not([type=checkbox]), select, textarea");
  const isScrolling = zoom !== "fit" && event.target.id === "stage" && event.key.startsWith("Arrow");
  if (isTyping || isScrolling || event.ctrlKey || event.metaKey || event.altKey) return;
  keys[event.key]?.();
});

if (image.complete) setZoom("fit");
else image.addEventListener("load", () => setZoom("fit"));
document.getElementById("controls").hidden = false;
document.getElementById("keys").hidden = false;
opacity.addEventListener("input", draw);
for (const box of boxes) {
  box.hidden = false;
  box.addEventListener("change", draw);
}
for (const box of document.querySelectorAll("[data-layer]")) box.addEventListener("change", () => toggle(box));
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => setZoom(button.dataset.zoom));
}

// Names the class under the pointer.
function inspect(event) {
  const box = image.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  const index = x >= 0 && y >= 0 && x < canvas.width && y < canvas.height ? indices?.[y * canvas.width + x] : null;
  const name = document.querySelector(`label[for="class-${index}"]`)?.textContent.trim();
  pixel.textContent = index == null ? "" : `${x}, ${y}: ${name ?? "not labelled"}`;
}

if (overlay) {
  if (pixel) {
    pixel.hidden = false;
    document.getElementById("stage").addEventListener("pointermove", inspect);
  }
  const source = new Image();
  source.addEventListener("load", () => {
    readIndices(source);
    canvas.className = "over";
    canvas.id = "classes";
    overlay.replaceWith(canvas);
    draw();
    viewer.dataset.ready = "true";
  });
  source.src = `${viewer.dataset.base}/indices`;
} else {
  opacity.closest(".field").hidden = true;
  viewer.dataset.ready = "true";
}
