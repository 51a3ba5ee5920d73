// The form of the page: a box for the paste, the button, and the choice whether the encoder is loaded.

import { addText, make } from "./dom.js";

/** Build the form. `megabytes` is what the encoder loads. */
export function makeForm(megabytes) {
  const form = make("form", "paste-form");
  const label = addText(form, "label", "Your log, error message, or what you see");
  label.htmlFor = "pasted";
  const box = form.appendChild(make("textarea"));
  Object.assign(box, { id: "pasted", rows: 9, spellcheck: false, autocomplete: "off" });
  const row = form.appendChild(make("div", "paste-row"));
  const button = addText(row, "button", "Match", "md-button md-button--primary");
  button.type = "submit";
  const choice = row.appendChild(make("label"));
  const byMeaning = choice.appendChild(make("input"));
  Object.assign(byMeaning, { type: "checkbox", id: "by-meaning", checked: !navigator.connection?.saveData });
  choice.append(` Compare by meaning too: loads ${megabytes} MB, once`);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  return { form, box, byMeaning };
}
