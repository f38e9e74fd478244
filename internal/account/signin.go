package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"roster/internal/directory"
)

// How often signing in may fail, and how long a half-finished one waits.
var (
	failuresPerAccount = directory.Limit{Uses: 5, Window: 15 * time.Minute, Delay: 30 * time.Second}
	failuresPerAddress = directory.Limit{Uses: 30, Window: time.Minute}
)

const challengeTTL = 5 * time.Minute

// Credentials are what somebody types to sign in.
type Credentials struct {
	// Organization is a slug; empty for the installation's first.
	Organization string
	// Username is a username or an address.
	Username string
	Password string
}

// SignIn is how far a sign-in has come: a viewer with a token for the session,
// or a challenge for the second factor with the token that answers it.
type SignIn struct {
	Viewer    *Viewer
	Challenge *Challenge
	Token     string
}

// wrongCredentials is the one refusal for everything that a stranger may have wrong.
func wrongCredentials() *directory.Error {
	return directory.Refuse(directory.CodeInvalidCredentials, "The username, the address or the password is wrong. Check them, or reset the password.")
}

// Login checks a password. Whether the account is unknown, pending, inactive,
// or the password is wrong, the answer and the time it takes are the same:
// INVALID_CREDENTIALS. Failures are limited per account and per address of the
// client, and counted before the password is looked at, so that guesses at the
// same time count too.
func (a *Accounts) Login(ctx context.Context, origin directory.Origin, c Credentials) (*SignIn, error) {
	org, err := a.organization(ctx, c.Organization)
	if err != nil {
		return nil, err
	}
	key := directory.NameKey(c.Username)
	user, err := a.known(ctx, org.ID, key)
	if err != nil {
		return nil, err
	}
	// All names of one account share a count; names of nobody have one each.
	account := "login:name:" + hashToken(key)
	if user != nil {
		account = "login:user:" + user.ID
	}
	address := "login:ip:" + origin.IP
	refused, wait, err := a.vault.Reserve(ctx, org.ID, a.directory.Now(),
		directory.Use{Key: address, Limit: failuresPerAddress, N: 1}, directory.Use{Key: account, Limit: failuresPerAccount, N: 1})
	if err != nil {
		return nil, fmt.Errorf("check limits: %w", err)
	}
	if wait > 0 {
		// No password is looked at, so it counts for neither.
		return nil, directory.TooMany([]string{
			"Too many sign-ins have failed from your network.", "Too many sign-ins have failed for this account.",
		}[refused], wait)
	}
	hash := ""
	if user != nil && user.Status == directory.Active {
		hash = user.Credentials.PasswordHash
	}
	match, outdated, err := a.hasher.check(ctx, c.Password, hash)
	if err != nil {
		// Nothing was evaluated: nothing counts.
		a.refund(ctx, org.ID, account, address)
		return nil, err
	}
	if !match {
		return nil, wrongCredentials()
	}
	by := directory.Actor{User: user, Organization: org, Origin: origin}
	if outdated {
		if by.User, err = a.rehash(ctx, by, c.Password); err != nil {
			return nil, err
		}
		user, hash = by.User, by.User.Credentials.PasswordHash
	}
	if user.TwoFactorEnabled() {
		if err := a.vault.Forget(ctx, org.ID, account); err != nil {
			return nil, fmt.Errorf("reset limit: %w", err)
		}
		a.refund(ctx, org.ID, address)
		return a.challenge(ctx, org, user)
	}
	viewer, token, err := a.startSession(ctx, by, Released{Forget: account, Refund: address}, func(u *directory.User) (*directory.News, error) {
		// What was proved was proved against this hash and no second factor.
		if u.Status != directory.Active || u.Credentials.PasswordHash != hash || u.TwoFactorEnabled() {
			return nil, wrongCredentials()
		}
		return signedInBy("password"), nil
	})
	if err != nil {
		return nil, err
	}
	return &SignIn{Viewer: viewer, Token: token}, nil
}

// signedInBy is what the audit log says of a sign-in, by how somebody proved
// who they are.
func signedInBy(method string) *directory.News {
	return &directory.News{Action: directory.SignedIn, Details: []directory.Detail{{Field: "method", Value: method}}}
}

// rehash keeps the actor's password, which was proved, under today's parameters,
// and answers them as they are then.
func (a *Accounts) rehash(ctx context.Context, by directory.Actor, password string) (*directory.User, error) {
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	return a.directory.Change(ctx, by, by.User.ID, func(u *directory.User) (*directory.News, error) {
		if u.Credentials.PasswordHash != by.User.Credentials.PasswordHash {
			return nil, wrongCredentials()
		}
		u.Credentials.PasswordHash = hash
		return &directory.News{}, nil
	})
}

// known finds who has a name key; nil when nobody does.
func (a *Accounts) known(ctx context.Context, organizationID, key string) (*directory.User, error) {
	users, err := a.store.UsersByKeys(ctx, organizationID, []string{key})
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	if len(users) == 0 {
		return nil, nil
	}
	return users[0], nil
}

// refund takes uses back; a vault that can't is no reason to refuse, since the
// limit then only holds sooner.
func (a *Accounts) refund(ctx context.Context, organizationID string, keys ...string) {
	for _, key := range keys {
		_ = a.vault.Refund(context.WithoutCancel(ctx), organizationID, key)
	}
}

func (a *Accounts) challenge(ctx context.Context, org *directory.Organization, user *directory.User) (*SignIn, error) {
	token, hash := NewToken(org.ID, a.random)
	c := Challenge{
		OrganizationID: org.ID, UserID: user.ID, TokenHash: hash,
		CredentialsVersion: user.Credentials.Version, ExpiresAt: a.directory.Now().Add(challengeTTL),
	}
	if err := a.vault.PutChallenge(ctx, c); err != nil {
		return nil, fmt.Errorf("keep challenge: %w", err)
	}
	return &SignIn{Challenge: &c, Token: token}, nil
}

// VerifyTwoFactor finishes a sign-in with a TOTP or a recovery code. Refusals:
// LINK_INVALID (the challenge is too old, used, or unknown), WRONG_CODE.
// Failures are limited per account, across sign-ins.
func (a *Accounts) VerifyTwoFactor(ctx context.Context, origin directory.Origin, challengeToken, code string) (*SignIn, error) {
	dead := directory.Refuse(directory.CodeLinkInvalid, "This sign-in took too long. Sign in again with your password.", "challenge")
	organizationID, hash, ok := ReadToken(challengeToken)
	if !ok {
		return nil, dead
	}
	c, err := a.vault.Challenge(ctx, organizationID, hash, a.directory.Now())
	if errors.Is(err, directory.ErrNotFound) {
		return nil, dead
	}
	if err != nil {
		return nil, fmt.Errorf("find challenge: %w", err)
	}
	org, err := a.store.Organization(ctx, organizationID)
	if err != nil {
		return nil, fmt.Errorf("find organization: %w", err)
	}
	user, err := a.store.User(ctx, organizationID, c.UserID)
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	by := directory.Actor{User: user, Organization: org, Origin: origin}
	var viewer *Viewer
	var token string
	err = a.limitCodes(ctx, by, func() error {
		viewer, token, err = a.startSession(ctx, by, Released{}, func(u *directory.User) (*directory.News, error) {
			if u.Status != directory.Active || u.Credentials.Version != c.CredentialsVersion {
				return nil, dead
			}
			used, err := a.useCode(u, code)
			if err != nil {
				return nil, err
			}
			news := signedInBy(string(used))
			news.Mails = used.mails()
			return news, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := a.vault.EndChallenge(ctx, organizationID, hash); err != nil {
		return nil, fmt.Errorf("end challenge: %w", err)
	}
	return &SignIn{Viewer: viewer, Token: token}, nil
}
