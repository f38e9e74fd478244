package httpd

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
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
		assets["/"+name] = newAsset(files, name)
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

// asset is a file of the console. It is read when somebody asks for it, from
// the program's own file: copies of all would take 8 MB.
type asset struct {
	name, contentType, policy string
	open                      func() (io.ReadSeekCloser, error)
	// etag and compressed are made when somebody first asks for them.
	etag       func() (string, error)
	compressed func() ([]byte, error)
}

func newAsset(files fs.FS, name string) *asset {
	a := &asset{name: name, policy: pagePolicy, contentType: mime.TypeByExtension(path.Ext(name))}
	if strings.HasPrefix(name, graphiqlFolder+"/") {
		a.policy = graphiqlPolicy
	}
	a.open = func() (io.ReadSeekCloser, error) {
		file, err := files.Open(name)
		if err != nil {
			return nil, err
		}
		content, ok := file.(io.ReadSeekCloser)
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s cannot be read from anywhere", name), file.Close())
		}
		return content, nil
	}
	a.etag = sync.OnceValues(func() (string, error) {
		sum := sha256.New()
		err := a.copy(sum)
		return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:16]), err
	})
	a.compressed = sync.OnceValues(func() ([]byte, error) {
		var buffer bytes.Buffer
		w, _ := gzip.NewWriterLevel(&buffer, gzip.BestCompression) // the level is one of gzip's own
		err := errors.Join(a.copy(w), w.Close())
		return buffer.Bytes(), err
	})
	return a
}

func (a *asset) copy(to io.Writer) error {
	content, err := a.open()
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	_, err = io.Copy(to, content)
	return err
}

// variant is the content in a coding, and its tag.
func (a *asset) variant(compressed bool) (content io.ReadSeekCloser, etag string, err error) {
	if etag, err = a.etag(); err != nil {
		return nil, "", err
	}
	if !compressed {
		content, err = a.open()
		return content, etag, err
	}
	small, err := a.compressed()
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(small), io.NopCloser(nil)}, etag + "-gzip", err
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
		compressed := acceptsGzip(r)
		content, etag, err := a.variant(compressed)
		if err != nil {
			// It is part of the program.
			panic(fmt.Errorf("read a page: %w", err))
		}
		defer func() { _ = content.Close() }()
		if compressed {
			h.Set("Content-Encoding", "gzip")
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
			if r.Method != http.MethodHead {
				_, _ = io.Copy(w, content)
			}
			return
		}
		h.Set("ETag", `"`+etag+`"`)
		http.ServeContent(w, r, a.name, time.Time{}, content)
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
