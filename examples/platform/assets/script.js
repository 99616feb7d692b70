// Pages work without this script: it copies texts, and refreshes the parts of a page that say so.
"use strict";
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.textContent.trim());
    const label = button.querySelector("span");
    const before = label.textContent;
    label.textContent = "Copied";
    setTimeout(() => { label.textContent = before; }, 2000);
  });
}
for (const part of document.querySelectorAll("[data-refresh]")) {
  const seconds = Number(part.dataset.refresh);
  setInterval(async () => {
    if (document.hidden || part.contains(document.activeElement)) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
  }, seconds * 1000);
}
for (const choice of document.querySelectorAll("input[data-not-with]")) {
  const { form } = choice;
  const follow = () => {
    choice.disabled = form.elements.provider.value === choice.dataset.notWith;
    if (choice.disabled && choice.checked) form.elements[choice.name].value = "key";
  };
  form.addEventListener("change", follow);
  follow();
}
for (const form of document.querySelectorAll("form[data-submit]")) form.submit();
