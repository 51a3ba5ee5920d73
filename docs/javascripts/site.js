// The two forms of the site, the filter of the list of cases and the chooser of signs, the start of the page for pasting
// a log, and what the theme leaves out.
// Pages are whole without it.

/** Show the rows of the tables of cases that fit the form, and hide the families that have none. */
function startFilter() {
  const form = document.getElementById("filter");
  if (!form) return;
  const families = [...document.querySelectorAll("h2[id]")].map((heading) => {
    const parts = [];
    let next = heading.nextElementSibling;
    while (next && next.tagName !== "H2") {
      parts.push(next);
      next = next.nextElementSibling;
    }
    return { id: heading.id, parts: [heading, ...parts], rows: parts.flatMap((part) => [...part.querySelectorAll("tbody tr")]) };
  });
  const address = new URLSearchParams(location.search);
  for (const field of form.elements) if (address.has(field.name)) field.value = address.get(field.name);

  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const family of families) {
      let here = 0;
      for (const row of family.rows) {
        const [, kind, stage, severity] = [...row.cells].map((cell) => cell.textContent.trim());
        const text = row.textContent.toLowerCase() + " " + row.querySelector("a").getAttribute("href");
        const fits =
          (!wanted.system || wanted.system === family.id) &&
          (!wanted.kind || wanted.kind === kind) &&
          (!wanted.stage || wanted.stage === stage) &&
          (!wanted.severity || wanted.severity === severity) &&
          words.every((word) => text.includes(word));
        row.hidden = !fits;
        here += fits;
      }
      for (const part of family.parts) part.hidden = !here;
      shown += here;
    }
    document.getElementById("filtered").textContent = `${shown} shown`;
  };
  for (const kind of ["input", "change"]) form.addEventListener(kind, apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}

/** Rank the cases by the signs that are ticked: by the share of their broken runs that show each. */
function startChooser() {
  const form = document.getElementById("chooser");
  const data = document.getElementById("chooser-data");
  if (!form || !data) return;
  const cases = JSON.parse(data.textContent).cases;
  const chosen = document.getElementById("chosen");
  const most = 8;

  const rank = () => {
    const signs = [...new Set([...form.querySelectorAll("input:checked")].map((box) => box.value))];
    chosen.replaceChildren();
    if (!signs.length) return;
    const scored = cases
      .map((one) => ({ ...one, fits: signs.filter((sign) => one.signs[sign] > 0).length, score: signs.reduce((sum, sign) => sum + (one.signs[sign] || 0), 0) }))
      .filter((one) => one.fits)
      .sort((a, b) => b.score - a.score || Object.keys(a.signs).length - Object.keys(b.signs).length);
    const list = document.createElement("ol");
    for (const one of scored.slice(0, most)) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `../cases/${one.id}/`;
      link.textContent = one.title;
      item.append(link, `: shows ${one.fits} of ${signs.length}. ${one.summary}`);
      list.append(item);
    }
    const told = document.createElement("p");
    told.textContent = scored.length ? `${scored.length} cases show at least one of these.` : "No case shows any of these.";
    chosen.append(told, list);
  };
  form.addEventListener("change", (event) => {
    for (const box of form.querySelectorAll("input")) if (box.value === event.target.value) box.checked = event.target.checked;
    rank();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  rank();
}

/** What the theme leaves out for keyboards and screen readers: a name for the search, and focus for what scrolls. */
function completeTheme() {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  const update = () => {
    for (const box of document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  new ResizeObserver(update).observe(document.body);
  // The theme wraps tables when it starts, after this script.
  new MutationObserver(update).observe(document.querySelector(".md-content") ?? document.body, { childList: true, subtree: true });
  update();
}

/** The page for pasting a log has modules of its own, which no other page loads. */
function startPaste() {
  const place = document.getElementById("paste-log");
  if (!place) return;
  import("./paste/page.js").then(
    (page) => page.startPaste(place),
    () => (place.textContent = "The box for a paste does not work in this browser. The command below does the same."),
  );
}

completeTheme();
startFilter();
startChooser();
startPaste();
