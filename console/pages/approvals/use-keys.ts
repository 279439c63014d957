import { useLocalStorage } from "@mantine/hooks";
import { useEffect, useRef } from "react";

const typing = "input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=combobox], [role=option]";

/** Whether single keys do something: people who dictate switch them off. */
export function useKeysEnabled() {
  return useLocalStorage({ key: "powerloom-keys", defaultValue: true, getInitialValueInEffect: false });
}

/**
 * What single keys do while a page is shown. Never while something is typed, with a modifier held, or behind a dialog.
 * @param keys names as in `KeyboardEvent.key` → what they do; undefined does nothing now
 */
export function useKeys(keys: Readonly<Record<string, (() => void) | undefined>>): void {
  const [enabled] = useKeysEnabled();
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    if (!enabled) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (event.target instanceof Element && event.target.closest(typing) !== null) return;
      if (document.querySelector('[role="dialog"][aria-modal="true"]') !== null) return;
      const act = latest.current[event.key];
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [enabled]);
}
