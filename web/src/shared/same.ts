import { useRef } from 'react';

/** What is equal to what was there before is that: whatever depends on it is not made anew. */
export function useSame<Value>(value: Value): Value {
  const last = useRef(value);
  if (last.current !== value && JSON.stringify(last.current) !== JSON.stringify(value)) last.current = value;
  return last.current;
}
