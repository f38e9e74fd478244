//go:build services

package mongo

import (
	"errors"
	"fmt"
	"testing"
)

func TestMeasure3(t *testing.T) {
	for range 2 {
		s := openStore(t)
		fmt.Println("whole", fill(t, s, 5000))
		s.interrupt = func(at step) error {
			if at == counted {
				return errors.New("x")
			}
			return nil
		}
		s = openStore(t)
		s.interrupt = func(at step) error {
			if at == counted {
				return errors.New("x")
			}
			return nil
		}
		fmt.Println("no pull", fill(t, s, 5000))
	}
}
