// Small helps for every page. Without this file all pages and forms work.

// A file that is dragged over a field marks its place. The field itself accepts the drop.
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const place = event.target.closest?.(".drop");
    if (!place) return;
    place.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    const input = place.querySelector("input");
    if (kind === "dragover" && event.target !== input) event.preventDefault();
    if (kind === "drop" && event.target !== input) {
      event.preventDefault();
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}

// A form is sent once: a second click would wait for the first answer in vain.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button:not([type=button])")) {
    setTimeout(() => { button.disabled = true; }, 0);
  }
});

// A check replaces the errors of fields: mark the fields that have some.
document.addEventListener("htmx:afterSettle", () => {
  for (const errors of document.querySelectorAll(".field > .errors")) {
    const input = errors.parentElement.querySelector("input:not([type=hidden]), select, textarea");
    if (errors.childElementCount) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
  }
});

// A page from the browser's memory has disabled buttons and old progress.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// On a phone the name of the open page may lie outside the row of names.
const here = document.querySelector(".side nav [aria-current]");
const row = here?.closest("nav");
if (row) row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
