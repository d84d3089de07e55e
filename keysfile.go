package usermgmt

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"

	"github.com/usermgmt/usermgmt/internal/seal"
	"github.com/usermgmt/usermgmt/store/sqlite"
)

// withDevelopmentKeys returns cfg with the secrets that were not given, which in
// development are made once and kept in a file beside the database. Elsewhere
// validate has refused such a Config already.
func (c Config) withDevelopmentKeys() (Config, error) {
	if len(c.SecretKeys) > 0 && len(c.EncryptionKeys) > 0 && len(c.AuditKeys) > 0 {
		return c, nil
	}
	path, database := c.keysPath()
	info, noDatabase := os.Stat(database) // looked at first: the keys are always made before it
	kept, err := readKeys(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && noDatabase == nil && info.Size() > 0:
		return c, fmt.Errorf("usermgmt: the database %s exists, but its secrets %s do not; put the file back, or set USERMGMT_SECRET_KEYS, USERMGMT_ENCRYPTION_KEYS and USERMGMT_AUDIT_KEYS: new secrets could neither open nor check what is stored", database, path)
	case errors.Is(err, fs.ErrNotExist):
		if kept, err = createKeys(path); err == nil {
			c.Logger.Info("secrets for development are kept in a file", "path", path)
		}
	}
	if err != nil {
		return c, err
	}
	for _, missing := range []struct {
		keys *[]string
		name string
	}{
		{&c.SecretKeys, "USERMGMT_SECRET_KEYS"},
		{&c.EncryptionKeys, "USERMGMT_ENCRYPTION_KEYS"},
		{&c.AuditKeys, "USERMGMT_AUDIT_KEYS"},
	} {
		if len(*missing.keys) == 0 {
			*missing.keys = strings.Split(kept[missing.name], ",")
		}
	}
	var f faults
	if f.checkSecrets(c, true); len(f) > 0 {
		return c, fmt.Errorf("usermgmt: the secrets in %s cannot be used: %w", path, errors.Join(f...))
	}
	return c, nil
}

// keysPath is beside the database file, which it returns too, or in the working
// directory for a database that is not a file.
func (c Config) keysPath() (path, database string) {
	if database, err := sqlite.Path(c.DatabaseURL); err == nil && c.Store == nil {
		return database + ".keys", database
	}
	return "usermgmt.keys", ""
}

func readKeys(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("usermgmt: %s can be read by others; run chmod 600 on it", path)
	}
	kept, err := godotenv.Read(path)
	if err != nil {
		return nil, fmt.Errorf("usermgmt: %s cannot be read: each line must be NAME=value", path)
	}
	return kept, nil
}

// createKeys writes fresh secrets to a file that did not exist. When another
// process was faster, its secrets are the ones.
func createKeys(path string) (map[string]string, error) {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("usermgmt: DatabaseURL (USERMGMT_DATABASE_URL): the folder %s does not exist; make it first", filepath.Dir(path))
	}
	content := fmt.Sprintf("# Secrets of a development installation. Keep them out of version control.\nUSERMGMT_SECRET_KEYS=%s\nUSERMGMT_ENCRYPTION_KEYS=%s\nUSERMGMT_AUDIT_KEYS=%s\n",
		randomKey(), seal.GenerateKey(), randomKey())
	if err := writeNew(path, content); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("usermgmt: the secrets cannot be kept in %s; make its folder writable, or set USERMGMT_SECRET_KEYS, USERMGMT_ENCRYPTION_KEYS and USERMGMT_AUDIT_KEYS: %w", path, err)
	}
	return readKeys(path)
}

// writeNew makes a file that appears whole or not at all, and never replaces
// one: two processes that start together keep the same secrets.
func writeNew(path, content string) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(content)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Link(draft.Name(), path)
}

func randomKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: the process stops when the random source does
	return base64.RawURLEncoding.EncodeToString(b)
}
