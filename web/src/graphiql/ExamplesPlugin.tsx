import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { askKnown } from './ask';
import { type Example, examples } from './examples';

/** Operations of the main tasks, each opened in a tab of its own. */
export const EXAMPLES_PLUGIN: GraphiQLPlugin = {
  title: 'Examples',
  icon: () => (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.75" aria-hidden>
      <path d="M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11M9 8h6" />
    </svg>
  ),
  content: Examples,
};

function Examples() {
  const { addTab, changeTab, setVisiblePlugin, stop } = useGraphiQLActions();
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const open = async ({ query, variables }: Example) => {
    const opened = tabs.findIndex((tab) => tab.query === query);
    if (opened >= 0) changeTab(opened);
    else {
      const known = variables ? await askKnown().catch(() => ({})) : {};
      // What another tab listens to would be shown in this one.
      stop();
      addTab();
      queryEditor?.setValue(query);
      variableEditor?.setValue(variables ? JSON.stringify(variables(known), null, 2) : '');
    }
    // A phone has no room for both.
    if (matchMedia('(max-width: 48em)').matches) setVisiblePlugin(null);
  };
  return (
    <section aria-label="Examples">
      <div className="graphiql-doc-explorer-title">Examples</div>
      <ul className="roster-examples">
        {examples.map((example) => (
          <li key={example.title}>
            <button type="button" onClick={() => void open(example)}>
              <b>{example.title}</b>
              <span>{example.note}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
