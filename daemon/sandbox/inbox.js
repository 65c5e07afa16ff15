"use strict";
(() => {
  const bar = document.getElementById("bar");
  const list = document.getElementById("list");
  const rows = [...list.children];
  const words = new Map();

  // What a row says is read once, and only when somebody searches.
  const said = (row) => {
    if (!words.has(row)) words.set(row, row.textContent.toLowerCase());
    return words.get(row);
  };

  const filter = () => {
    const { channel, person, text } = bar.elements;
    const sought = text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits =
        (!channel.value || row.dataset.channel === channel.value) &&
        (!person.value || row.dataset.person === person.value) &&
        sought.every((word) => said(row).includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    document.getElementById("shown").value = shown + " 条";
    document.getElementById("none").hidden = shown > 0;
  };

  let newest = true;
  const order = () => {
    if (newest === bar.elements.newest.checked) return;
    newest = !newest;
    rows.reverse();
    list.append(...rows);
  };

  let waiting = 0;
  bar.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { order(); filter(); }, 80);
  });
  bar.addEventListener("submit", (event) => event.preventDefault());

  // A mail is laid out when its row is first opened.
  list.addEventListener("toggle", (event) => {
    const mail = event.target.querySelector(":scope > .body > template");
    if (event.target.open && mail) mail.replaceWith(mail.content);
  }, true);

  // Chosen values that the browser remembers over a reload count too.
  order();
  filter();

  if ("live" in document.body.dataset && location.protocol.startsWith("http")) {
    const more = document.getElementById("more");
    more.addEventListener("click", () => location.reload());
    const look = async () => {
      try {
        const counts = await (await fetch("/counts.json")).json();
        const fresh = Object.values(counts).reduce((a, b) => a + b, 0) - Number(document.body.dataset.total);
        more.textContent = "又收到 " + fresh + " 条，点此刷新";
        more.hidden = fresh <= 0;
      } catch { /* the sandbox has stopped; the page stays readable */ }
      setTimeout(look, 3000);
    };
    setTimeout(look, 3000);
  }
})();
