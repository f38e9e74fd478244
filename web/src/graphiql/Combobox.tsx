import { ComboboxOptions as Options } from '@headlessui/react';
import type { ComponentProps } from 'react';

export { Combobox, ComboboxInput, ComboboxOption } from '@headlessui/react';

/** What the search of the docs has found: beside the page, and not instead of it. */
export function ComboboxOptions(props: ComponentProps<typeof Options>) {
  return <Options modal={false} {...props} />;
}
