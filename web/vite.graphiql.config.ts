import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

// A page of its own beside the console: what it needs is large, and nobody who
// opens the console loads any of it. The program can leave the folder out.
const names = {
  entryFileNames: 'assets/[name].js',
  chunkFileNames: 'assets/[name].js',
  assetFileNames: 'assets/[name][extname]',
};

// Pieces of GraphiQL that keep people out, and ours in place of them: who asks
// for what, and what it gets.
const ours = [
  { who: 'graphiql/dist/GraphiQL.js', what: '@graphiql/react', gets: 'pieces.tsx' },
  { who: 'graphiql/dist/ui/sidebar.js', what: '@graphiql/react', gets: 'pieces.tsx' },
  { who: '@graphiql/plugin-history/dist/components.js', what: '@graphiql/react', gets: 'pieces.tsx' },
  { who: '@graphiql/react/dist/components/execute-button/index.js', what: '../dropdown-menu/index.js', gets: 'DropdownMenu.tsx' },
  { who: '@graphiql/plugin-doc-explorer/dist/components/search.js', what: '@headlessui/react', gets: 'Combobox.tsx' },
  { who: '@radix-ui/react-menu/dist/index.mjs', what: '@radix-ui/react-portal', gets: 'Portal.tsx' },
  { who: '@radix-ui/react-tooltip/dist/index.mjs', what: '@radix-ui/react-portal', gets: 'Portal.tsx' },
];

function ownPieces(): Plugin {
  const left = new Set(ours);
  return {
    name: 'own-pieces',
    enforce: 'pre',
    resolveId(id, importer) {
      const piece = ours.find(({ who, what }) => what === id && importer?.endsWith(`/node_modules/${who}`));
      if (!piece) return;
      left.delete(piece);
      return fileURLToPath(new URL(`src/graphiql/${piece.gets}`, import.meta.url));
    },
    // Another version of GraphiQL may be made in another way.
    buildEnd(error) {
      if (!error) for (const { who, what } of left) this.error(`${who} does not ask for ${what} any more.`);
    },
  };
}

export default defineConfig({
  root: 'graphiql',
  base: '/graphiql/',
  publicDir: false,
  plugins: [react(), ownPieces()],
  worker: { rolldownOptions: { output: names } },
  build: {
    outDir: '../dist/graphiql',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000,
    rolldownOptions: { output: names },
  },
});
