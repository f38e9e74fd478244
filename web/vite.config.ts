import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The files are committed and served by the Go program: names without hashes
// keep the history small, and ETags keep caches right.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { console: 'index.html' },
      output: {
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
  server: { proxy: { '/graphql': { target: 'http://localhost:8080', ws: true } } },
});
