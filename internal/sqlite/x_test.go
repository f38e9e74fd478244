package sqlite
import ("testing";"time";"path/filepath";"context";"crypto/rand";"roster/internal/directory";"roster/internal/sample")
type buffered struct{ *Store; n int; buf []*directory.User }
func (s *buffered) InsertUsers(ctx context.Context, u []*directory.User)([]error,error){
 s.buf=append(s.buf,u...)
 if len(s.buf)<s.n { return make([]error,len(u)),nil }
 _,err:=s.Store.InsertUsers(ctx,s.buf); s.buf=nil
 return make([]error,len(u)),err
}
func BenchmarkX(b *testing.B){ for _, batch := range []int{1000,5000,10000} { b.Run("", func(b *testing.B){ for b.Loop(){ t:=time.Now();
	db, err := Open(context.Background(), filepath.Join(b.TempDir(),"a.db"))
	if err != nil { b.Fatal(err) }
	store := &buffered{Store:NewStore(db),n:batch}
	d := directory.New(store, nil, directory.Settings{Secrets: [][]byte{{1}}}, func([]*directory.User) {}, time.Now, rand.Reader)
	org, err := d.CreateOrganization(context.Background(), "Acme", "acme", 50_000)
	if err != nil { b.Fatal(err) }
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"
	if err := sample.Fill(context.Background(), store, org, 40000, hash, time.Now(), func(int) {}); err != nil { b.Fatal(err) }
	b.Log(batch, time.Since(t))
	db.Close()
} })}}
