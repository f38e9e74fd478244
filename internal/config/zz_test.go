package config
import ("testing";"os";"fmt")
func TestZ(t *testing.T){ 
 for _, a := range [][]string{{"--help"},{"organization","add","--help"},{},{"organization","add"},{"--bogus"},{"x"},{"--seed","0"},{"--demo","--seed","3"},{"organization","add","Acme","--admin","a@b.example","--demo"},{"--secret-key=AAAA"},{"--addr="},{"organization"},{"organization","--help"}}{
 inv, err := Parse(a, []string{}, os.Stdout); fmt.Printf("%q %+v %v\n", a, inv.Command, err) }
}
