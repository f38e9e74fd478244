package mail

import "strings"

// maxDevice is the longest user agent that is quoted, in code points.
const maxDevice = 80

// Programs and systems as user agents name them. The order matters: most
// browsers also claim to be the ones further down.
var (
	programs = [][2]string{
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
		{"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Android", "Android"},
		{"Windows", "Windows"}, {"Macintosh", "a Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

// device says in words what a user agent claims to be (Firefox on Windows),
// since people recognise that and not the string. What is no browser is
// quoted, shortened. It is a claim: whoever sends the request chooses it.
func device(userAgent string) string {
	first := func(known [][2]string) string {
		for _, k := range known {
			if strings.Contains(userAgent, k[0]) {
				return k[1]
			}
		}
		return ""
	}
	if program, system := first(programs), first(systems); program != "" && system != "" {
		return program + " on " + system
	}
	return shorten(plain(userAgent), maxDevice)
}
