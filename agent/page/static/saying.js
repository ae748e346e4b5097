// What a screen reader should hear: an element with data-say is announced when it appears and when its saying changes,
// never because a number in it counted on.

export function spoken(root) {
  return new Map([...root.querySelectorAll("[data-say]")].map((element) => [element.id, element.dataset.say]));
}

export function newlySaid(before, root) {
  return [...spoken(root)].filter(([id, text]) => before.get(id) !== text).map(([, text]) => text);
}
