package directory

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code names a reason for refusing, for programs. The codes a person can
// correct are the values of UserErrorCode in the schema; the others are the
// values of extensions.code of a GraphQL error.
type Code string

// What a person can correct.
const (
	CodeInvalid             Code = "INVALID"
	CodeRequired            Code = "REQUIRED"
	CodeTaken               Code = "TAKEN"
	CodeNotFound            Code = "NOT_FOUND"
	CodeConflict            Code = "CONFLICT"
	CodeNotPending          Code = "NOT_PENDING"
	CodeNoSeatAvailable     Code = "NO_SEAT_AVAILABLE"
	CodeLastAdministrator   Code = "LAST_ADMINISTRATOR"
	CodeSelfAction          Code = "SELF_ACTION"
	CodeRoleEscalation      Code = "ROLE_ESCALATION"
	CodeRoleInUse           Code = "ROLE_IN_USE"
	CodeWeakPassword        Code = "WEAK_PASSWORD"
	CodeWrongPassword       Code = "WRONG_PASSWORD"
	CodeWrongCode           Code = "WRONG_CODE"
	CodeInvalidCredentials  Code = "INVALID_CREDENTIALS" //nolint:gosec // a code, and no credentials
	CodeLinkInvalid         Code = "LINK_INVALID"
	CodeTwoFactorNotEnabled Code = "TWO_FACTOR_NOT_ENABLED"
)

// What a person cannot correct in what they typed: the whole request is refused.
const (
	CodeUnauthenticated Code = "UNAUTHENTICATED"
	CodeForbidden       Code = "FORBIDDEN"
	CodeBadInput        Code = "BAD_USER_INPUT"
	CodeRateLimited     Code = "RATE_LIMITED"
	CodeUnavailable     Code = "UNAVAILABLE"
	// CodeReauthenticate: the person has to prove again who they are.
	CodeReauthenticate Code = "REAUTHENTICATION_REQUIRED"
)

// Error is a refusal: a code for programs and a sentence that tells the person
// what to do next. Whatever is not an Error is a fault of ours, logged for the
// operator and hidden from the person.
type Error struct {
	Code    Code
	Message string
	// Field is the path of the input field at fault, if one is.
	Field []string
	// RetryAfter is how long to wait, with CodeRateLimited.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Correctable tells whether the person can mend what they sent.
func (e *Error) Correctable() bool {
	switch e.Code {
	case CodeUnauthenticated, CodeForbidden, CodeBadInput, CodeRateLimited, CodeUnavailable, CodeReauthenticate:
		return false
	}
	return true
}

// Refuse makes an Error; field is the path of the input at fault, if any.
func Refuse(code Code, message string, field ...string) *Error {
	return &Error{Code: code, Message: message, Field: field}
}

// TooMany refuses what went over a limit, and says when it goes on.
func TooMany(what string, wait time.Duration) *Error {
	wait = max(wait.Round(time.Second), time.Second)
	return &Error{
		Code:       CodeRateLimited,
		Message:    fmt.Sprintf("%s Try again in %s.", what, spokenDuration(wait)),
		RetryAfter: wait,
	}
}

func spokenDuration(d time.Duration) string {
	amount, unit := int(d/time.Second), "second"
	if d >= 2*time.Minute {
		amount, unit = int((d+time.Minute-1)/time.Minute), "minute"
	}
	if amount != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", amount, unit)
}

// Errors is several refusals of one request, in the order of its fields.
type Errors []*Error

func (e Errors) Error() string {
	all := make([]string, len(e))
	for i, one := range e {
		all[i] = one.Error()
	}
	return strings.Join(all, "; ")
}

// OrNil is e as an error, nil when it is empty.
func (e Errors) OrNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// HasCode tells whether err is, or contains, a refusal with this code.
func HasCode(err error, code Code) bool {
	var one *Error
	if errors.As(err, &one) {
		return one.Code == code
	}
	var all Errors
	if errors.As(err, &all) {
		for _, e := range all {
			if e.Code == code {
				return true
			}
		}
	}
	return false
}

// What a Store and a Vault answer besides success.
var (
	// ErrUnavailable: the store can't be reached, or did not answer in time. A
	// write may or may not have happened.
	ErrUnavailable = errors.New("unavailable")
	// ErrNotFound: there is no such document in this organization.
	ErrNotFound = errors.New("not found")
	// ErrStale: the document has changed since it was read; read it again.
	ErrStale = errors.New("changed since it was read")
	// ErrTaken: another document of the organization has one of the keys.
	ErrTaken = errors.New("key is taken")
	// ErrNoSeat: every seat of the organization is taken.
	ErrNoSeat = errors.New("no free seat")
	// ErrLastAdministrator: nobody else is a settled administrator.
	ErrLastAdministrator = errors.New("last administrator")
)

// Collect is the refusals in err; none, for nil.
func Collect(err error) Errors {
	var all Errors
	if errors.As(err, &all) {
		return all
	}
	var one *Error
	if errors.As(err, &one) {
		return Errors{one}
	}
	return nil
}
