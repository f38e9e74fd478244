// Package sample makes people up: a believable organization for a
// demonstration, and any number of them for benchmarks. The same number makes
// the same people, each time.
package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"roster/internal/directory"
)

var firstNames = strings.Fields(`
	Ada Agnes Ahmed Aiko Alejandro Alice Amara Amelia Amir Ana Anders Andrea Anita Anna Antonio Aoife Arjun Astrid Aylin
	Ben Beatriz Bilal Birgit Björn Camille Carlos Carmen Catarina Chen Chiara Chloé Chukwu Clara Daniel Daria David Deepa
	Diego Dilara Dmitri Edith Elena Elias Elif Emma Emeka Erik Esther Eva Fatima Felix Fiona François Freya Gabriel Giulia
	Grace Greta Hana Hannah Harpreet Hassan Hiroshi Ibrahim Ida Ingrid Ines Irina Isabel Ivan Jakub James Jana Jin João
	Johanna Jonas José Julia Kaito Karim Kateryna Katja Kenji Khadija Kofi Lars Laura Leila Lena Leon Lin Linnea Lucas
	Lucía Luis Maja Malik Mareike Maria Marta Martin Mateusz Matteo Maya Mehmet Mei Mia Miguel Mina Mohammed Nadia Naomi
	Natalia Nia Niamh Nikolai Nils Nina Noah Noor Nuno Olga Oliver Olumide Omar Oscar Paula Pavel Pedro Petra Pierre Priya
	Rafael Rania Ravi Renata Ricardo Rosa Ruth Ryo Sagal Samir Sana Sandra Santiago Sara Sebastian Selin Sergei Signe Silvia
	Simone Sofia Sophie Stefan Sunita Svetlana Tanja Tariq Tatjana Thabo Thomas Tobias Tomasz Tove Uma Valentina Vera Victor
	Viktoria Wei Yara Yasmin Yuki Yusuf Zainab Zoë Zofia`)

var lastNames = strings.Fields(`
	Abdi Abe Acosta Adeyemi Ahmed Almeida Andersen Andersson Appiah Araújo Aydın Bakker Bauer Becker Bianchi Bondarenko
	Brown Campbell Carvalho Castillo Chandra Chen Cohen Costa Cruz Çelik Dahl Das De-Vries Demir Diallo Díaz Dubois Eriksen
	Esposito Evans Farah Fernández Ferrari Fischer Fontaine Fraser García Georgiou Gomes González Gruber Gupta Haddad Hansen
	Hasan Hernández Hoffmann Horvat Hughes Hussein Ibarra Ivanova Iyer Jansen Janssen Jensen Johansson Jones Kamau Kaplan
	Kato Kaya Keller Khan Kim Kipkemboi Kobayashi Koch Kovács Kowalska Kumar Kuznetsov Laine Larsen Lee Lefèvre Lehmann
	Lindqvist Liu Lopes López Lund MacDonald Mahmoud Marino Martínez Mbeki Mehta Meier Mensah Meyer Moreau Moreno Morris
	Müller Mwangi Nakamura Nguyen Nielsen Novák Nowak Nwosu O'Brien O'Connor Ochoa Okafor Oliveira Olsen Omar Ortiz Osei
	Öztürk Papadopoulos Park Patel Pereira Pérez Petrov Popescu Popov Quispe Rahman Ramírez Ramos Rao Reyes Ricci Richter
	Rossi Roux Ruiz Russo Saito Salazar Sánchez Santos Sato Schmidt Schneider Schwarz Sharma Silva Singh Smith Sokolova Sousa
	Stewart Suzuki Takahashi Tanaka Taylor Thompson Torres Tran Ueda Vargas Vasquez Virtanen Volkova Wagner Walsh Wang Weber
	Williams Wilson Wójcik Wolf Wong Wright Yamamoto Yang Yılmaz Zhang Zimmermann`)

var titles = []string{
	"Account Manager", "Account Executive", "Analyst", "Business Analyst", "Content Strategist", "Customer Advocate",
	"Customer Success Lead", "Data Engineer", "Designer", "Director of Operations", "Engineering Manager",
	"Finance Controller", "Head of Support", "Implementation Consultant", "IT Administrator", "Marketing Manager",
	"Onboarding Specialist", "People Partner", "Product Manager", "Product Designer", "Project Manager",
	"Quality Engineer", "Renewals Manager", "Sales Engineer", "Security Analyst", "Software Engineer",
	"Solutions Architect", "Support Engineer", "Technical Writer", "VP Customer Success",
}

// person is somebody made up.
type person struct {
	name, email, title string
}

// people makes people up, one after another, none twice.
type people struct {
	random *rand.Rand
	domain string
	taken  map[string]int
}

func newPeople(domain string) *people {
	return &people{random: rand.New(rand.NewPCG(1815, 1852)), domain: domain, taken: map[string]int{}} //nolint:gosec // made-up people are to be the same each time
}

func (p *people) next() person {
	first, last := pick(p.random, firstNames), strings.ReplaceAll(pick(p.random, lastNames), "-", " ")
	local := ascii(first) + "." + ascii(last)
	p.taken[local]++
	if n := p.taken[local]; n > 1 {
		local = fmt.Sprintf("%s%d", local, n)
	}
	return person{name: first + " " + last, email: local + "@" + p.domain, title: pick(p.random, titles)}
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// ascii is a name as it stands in an address.
func ascii(name string) string {
	plain, _, err := transform.String(transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn))), strings.ToLower(name))
	if err != nil {
		plain = name
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r
		case r == 'ø':
			return 'o'
		case r == 'ı':
			return 'i'
		}
		return -1
	}, plain)
}

// ago is a time in the past, more often near than far.
func ago(r *rand.Rand, now time.Time, longest time.Duration) time.Time {
	x := r.Float64()
	return now.Add(-time.Duration(x * x * x * float64(longest))).Truncate(time.Millisecond)
}

// roleNamed is the organization's role with this name.
func roleNamed(org *directory.Organization, name string) directory.Role {
	for _, role := range org.Roles {
		if role.Name == name {
			return role
		}
	}
	return org.Roles[len(org.Roles)-1]
}
