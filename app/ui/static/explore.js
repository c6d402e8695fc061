// The walk: shows one step of a sheet large, and plays the steps. Without this file the sheet shows all steps.

const slider = document.getElementById("truncation");
slider?.addEventListener("input", () => {
  document.getElementById("psi").textContent = (slider.value / 100).toFixed(1);
});
document.getElementById("show").hidden = true; // a change shows its sheet at once

function openWalk(walk) {
  const sheet = walk.parentElement.querySelector("img.sheet");
  const canvas = walk.querySelector("canvas");
  const step = walk.querySelector("input");
  const button = walk.querySelector("[data-play]");
  const columns = Number(walk.dataset.columns);
  let timer = null;

  function draw() {
    const size = sheet.naturalWidth / columns;
    const height = (sheet.naturalHeight * columns) / Number(walk.dataset.cells);
    canvas.width = size;
    canvas.height = height;
    const [row, column] = [Math.floor(step.value / columns), step.value % columns];
    canvas.getContext("2d").drawImage(sheet, column * size, row * height, size, height, 0, 0, size, height);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  }

  function play() {
    if (!walk.isConnected) return stop();
    step.value = (Number(step.value) + 1) % Number(walk.dataset.cells);
    draw();
  }

  step.addEventListener("input", draw);
  button.addEventListener("click", () => {
    if (timer) return stop();
    button.textContent = "Stop";
    timer = setInterval(play, 160);
  });
  const begin = () => { walk.hidden = false; draw(); };
  if (sheet.complete && sheet.naturalWidth) begin();
  else sheet.addEventListener("load", begin);
}

function openAll(place) {
  for (const walk of place.querySelectorAll(".walk[hidden]")) openWalk(walk);
}

openAll(document);
document.addEventListener("htmx:load", (event) => openAll(event.detail.elt.parentElement ?? document));
