package httpd

import (
	"net/http"
	"net/netip"
	"net/url"
)

// forThisMachine answers programs that run on this machine, and nobody else.
// Counts of what goes on are no secrets, but they are news: that a mail was
// sent for a forgotten password tells a stranger that the account exists.
//
// A proxy on this machine seems to be this machine, and what it passes on comes
// from anywhere. So this answers only while the service as a whole is for this
// machine, by its PUBLIC_URL, and nothing that says it was passed on.
func forThisMachine(public *url.URL, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		passedOn := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" || r.Header.Get("Via") != ""
		if err != nil || !peer.Addr().Unmap().IsLoopback() || !isThisMachine(public.Hostname()) || passedOn {
			plain(w, http.StatusForbidden, "Metrics are not told here. Set METRICS_ADDR, and ask at that address.")
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
