package sqlite
import ("testing";"time";"path/filepath";"context";"crypto/rand";"syscall";"roster/internal/directory";"roster/internal/sample")
type buffered struct{ *Store; n int; buf []*directory.User; wall time.Duration; cpu time.Duration }
func cpu() time.Duration { var r syscall.Rusage; syscall.Getrusage(0,&r); return time.Duration(r.Utime.Nano()+r.Stime.Nano()) }
func (s *buffered) InsertUsers(ctx context.Context, u []*directory.User)([]error,error){
 s.buf=append(s.buf,u...)
 if len(s.buf)<s.n { return make([]error,len(u)),nil }
 c,t:=cpu(),time.Now()
 _,err:=s.Store.InsertUsers(ctx,s.buf); s.buf=nil
 s.cpu+=cpu()-c; s.wall+=time.Since(t)
 return make([]error,len(u)),err
}
func BenchmarkX(b *testing.B){ for _, batch := range []int{5000} { b.Run("", func(b *testing.B){ for b.Loop(){ t:=time.Now();c:=cpu()
	db, err := Open(context.Background(), filepath.Join(b.TempDir(),"a.db"))
	if err != nil { b.Fatal(err) }
	store := &buffered{Store:NewStore(db),n:batch}
	d := directory.New(store, nil, directory.Settings{Secrets: [][]byte{{1}}}, func([]*directory.User) {}, time.Now, rand.Reader)
	org, err := d.CreateOrganization(context.Background(), "Acme", "acme", 50_000)
	if err != nil { b.Fatal(err) }
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"
	if err := sample.Fill(context.Background(), store, org, 30000, hash, time.Now(), func(int) {}); err != nil { b.Fatal(err) }
	b.Log(batch, "wall",time.Since(t), "cpu",cpu()-c, "in InsertUsers wall", store.wall, "cpu",store.cpu)
	db.Close()
} })}}
