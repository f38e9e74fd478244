// Package web holds the pages of the console as they were built: npm run build
// makes them from src, and they are committed, so that running needs no Node.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files are the built pages, with index.html at the top.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		// The name is a constant that embedding has found.
		panic(err)
	}
	return files
}
