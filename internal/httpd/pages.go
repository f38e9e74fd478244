package httpd

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// pagePaths are the addresses of the console's pages, which are all one file:
// it looks at the address and shows the page. They stand in web/src/routes.tsx
// too.
var pagePaths = []string{
	"/{$}", "/users", "/users/{id}", "/roles", "/audit-log", "/organization", "/account",
	"/sign-in", "/forgotten-password", "/accept-invitation", "/reset-password",
}

// pagePolicy is the Content-Security-Policy of pages. Styles may be inline,
// since the components set sizes and places so; scripts may not.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// graphiqlFolder holds GraphiQL, a page of its own that can be taken away.
const graphiqlFolder = "graphiql"

// graphiqlPolicy lets GraphiQL's editors work in files of the same server, too.
const graphiqlPolicy = pagePolicy + "; worker-src 'self'"

// pages serves the console from the files that were built: each with an ETag
// that a browser asks with each time, and compressed once.
func pages(files fs.FS, graphiql bool) (http.Handler, error) {
	assets := map[string]*asset{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == graphiqlFolder && !graphiql {
				return fs.SkipDir
			}
			return nil
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		assets["/"+name] = newAsset(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the pages of the console: %w", err)
	}
	index, ok := assets["/index.html"]
	if !ok {
		return nil, fmt.Errorf("read the pages of the console: there is no index.html")
	}
	mux := http.NewServeMux()
	if graphiql {
		page, ok := assets["/graphiql/index.html"]
		if !ok {
			return nil, fmt.Errorf("read the pages of the console: there is no GraphiQL")
		}
		mux.Handle("/graphiql", page.with(http.StatusOK))
	}
	for _, pattern := range pagePaths {
		mux.Handle(pattern, index.with(http.StatusOK))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		switch found, ok := assets[r.URL.Path]; {
		case ok:
			found.with(http.StatusOK).ServeHTTP(w, r)
		case strings.Contains(r.URL.Path, "/assets/"):
			plain(w, http.StatusNotFound, "There is no such file.")
		default:
			// The page says so itself, with a way back.
			index.with(http.StatusNotFound).ServeHTTP(w, r)
		}
	})
	return readOnly(mux), nil
}

// readOnly refuses what is neither GET nor HEAD.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			plain(w, http.StatusMethodNotAllowed, "Send a GET request.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// asset is a file of the console.
type asset struct {
	name, contentType, etag, policy string
	content                         []byte
	// compressed is made when somebody first asks for it.
	compressed func() []byte
}

func newAsset(name string, content []byte) *asset {
	sum := sha256.Sum256(content)
	a := &asset{
		name: name, content: content, policy: pagePolicy,
		contentType: mime.TypeByExtension(path.Ext(name)),
		etag:        base64.RawURLEncoding.EncodeToString(sum[:16]),
	}
	if strings.HasPrefix(name, graphiqlFolder+"/") {
		a.policy = graphiqlPolicy
	}
	a.compressed = sync.OnceValue(func() []byte {
		var buffer bytes.Buffer
		w, _ := gzip.NewWriterLevel(&buffer, gzip.BestCompression) // the level is one of gzip's own
		_, _ = w.Write(content)                                    // into memory
		_ = w.Close()
		return buffer.Bytes()
	})
	return a
}

// with serves the file with a status.
func (a *asset) with(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("Content-Security-Policy", a.policy)
		// Names have no hashes: ask each time, and mostly be told that nothing changed.
		h.Set("Cache-Control", "no-cache")
		h.Set("Vary", "Accept-Encoding")
		content, etag := a.content, a.etag
		if acceptsGzip(r) {
			content, etag = a.compressed(), etag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
			if r.Method != http.MethodHead {
				_, _ = w.Write(content)
			}
			return
		}
		h.Set("ETag", `"`+etag+`"`)
		http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(content))
	})
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, quality, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.ReplaceAll(quality, " ", "") != "q=0"
		}
	}
	return false
}
