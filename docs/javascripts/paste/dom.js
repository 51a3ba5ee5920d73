// Making elements. Text is only ever set as text: what was pasted is never markup.

/** An element with a class. */
export function make(tag, className = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  return element;
}

/** Append an element that holds a text. */
export function addText(parent, tag, text, className = "") {
  const element = parent.appendChild(make(tag, className));
  element.textContent = text;
  return element;
}

/** Append a text of a case, in which code stands between backticks. */
export function addProse(parent, text) {
  text.split(/`([^`]+)`/).forEach((part, n) => {
    if (n % 2) addText(parent, "code", part);
    else parent.append(part);
  });
}
