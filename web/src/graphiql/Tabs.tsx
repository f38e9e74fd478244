import { CloseIcon, cn, pick, UnStyledButton, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { type KeyboardEvent, useLayoutEffect, useRef } from 'react';

interface TabsProps {
  'aria-label'?: string;
  className?: string;
}

/**
 * The tabs, in place of the library's: there a tab holds the button that closes
 * it, and a tab is read as one thing, so that whoever listens never finds it.
 * Here the buttons are beside the list of tabs, each at its tab's place to the eye.
 */
export function Tabs({ 'aria-label': label, className }: TabsProps) {
  const { tabs, activeTabIndex: active } = useGraphiQL(pick('tabs', 'activeTabIndex'));
  const { changeTab, closeTab } = useGraphiQLActions();
  const list = useRef<HTMLDivElement>(null);
  const takesFocus = useRef(false);
  const id = tabs[active]?.id;
  useLayoutEffect(() => {
    const tab = list.current?.querySelector<HTMLElement>('[aria-selected=true]');
    if (takesFocus.current) tab?.focus();
    takesFocus.current = false;
    tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [id, active, tabs.length]);

  const change = (index: number) => {
    takesFocus.current = true;
    changeTab(index);
  };
  const close = (index: number) => {
    takesFocus.current = true;
    closeTab(index);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = tabs.length - 1;
    const places: Record<string, number> = {
      ArrowLeft: active > 0 ? active - 1 : last,
      ArrowRight: active < last ? active + 1 : 0,
      Home: 0,
      End: last,
    };
    const place = places[event.key];
    if (place !== undefined) change(place);
    else if (event.key === 'Delete' && tabs.length > 1) close(active);
    else return;
    event.preventDefault();
  };

  return (
    <div className={cn('roster-tabs', className)}>
      <div ref={list} role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map((tab, index) => (
          <UnStyledButton
            key={tab.id}
            type="button"
            role="tab"
            // The pieces of the page that belong to a tab know it by this name.
            id={`graphiql-session-tab-${index}`}
            aria-controls="graphiql-session"
            aria-selected={index === active}
            aria-keyshortcuts={tabs.length > 1 ? 'Delete' : undefined}
            tabIndex={index === active ? 0 : -1}
            style={{ gridColumn: index + 1 }}
            title={tab.title}
            onClick={() => change(index)}
          >
            {tab.title}
          </UnStyledButton>
        ))}
      </div>
      {tabs.length > 1 && (
        <div role="group" aria-label="Close">
          {tabs.map((tab, index) => (
            <UnStyledButton
              key={tab.id}
              type="button"
              aria-label={`Close ${tab.title}`}
              data-active={index === active || undefined}
              style={{ gridColumn: index + 1 }}
              onClick={() => close(index)}
            >
              <CloseIcon aria-hidden />
            </UnStyledButton>
          ))}
        </div>
      )}
    </div>
  );
}

/** Is a part of its list here. */
export const Tab = Object.assign(() => null, { Button: () => null, Close: () => null });
