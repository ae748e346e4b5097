// Makes an element of the page like its fresh copy by changing only what differs, so that focus, scrolling, a picture
// being loaded and a screen reader's place all stay.

export function takeOver(old, fresh) {
  if (old.nodeName !== fresh.nodeName || key(old) !== key(fresh)) {
    old.replaceWith(document.importNode(fresh, true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  takeOverAttributes(old, fresh);
  takeOverChildren(old, fresh);
}

function key(node) {
  return node.id ?? "";
}

function takeOverAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

function takeOverChildren(old, fresh) {
  const keyed = new Map([...old.children].filter(key).map((child) => [child.id, child]));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = key(wanted) ? keyed.get(key(wanted)) : undefined;
    if (known && known !== place) {
      old.insertBefore(known, place);
      takeOver(known, wanted);
    } else if (place && place.nodeName === wanted.nodeName && key(place) === key(wanted)) {
      const next = place.nextSibling;
      takeOver(place, wanted);
      place = next;
    } else {
      old.insertBefore(document.importNode(wanted, true), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}
