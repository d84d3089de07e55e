package messagelog

import (
	"encoding/json"

	"github.com/usermgmt/usermgmt/store"
)

// text is the columns that are sealed where it is configured, by name.
func text(m *store.Message) map[string]*json.RawMessage {
	return map[string]*json.RawMessage{"request": &m.Request, "response": &m.Response}
}

// seal encrypts the text of a message, each column for its own place.
func (l *Log) seal(m store.Message) (store.Message, error) {
	if l.cfg.Seal == nil || l.cfg.Unsealed {
		return m, nil
	}
	for column, value := range text(&m) {
		sealed, err := l.cfg.Seal.Seal(*value, place(column, m), l.cfg.Clock())
		if err != nil {
			return m, err
		}
		*value = json.RawMessage(sealed)
	}
	return m, nil
}

// open decrypts what is sealed. Text that is not is an array, or nothing after
// its retention; a sealed value begins with the id of its key.
func (l *Log) open(m store.Message) (store.Message, error) {
	for column, value := range text(&m) {
		if len(*value) == 0 || (*value)[0] == '[' {
			continue
		}
		if l.cfg.Seal == nil {
			return m, store.Errorf(store.ErrUnsupported, "The message is sealed, and there is no keyring.")
		}
		plain, err := l.cfg.Seal.Open(string(*value), place(column, m))
		if err != nil {
			return m, err
		}
		*value = plain
	}
	return m, nil
}

func place(column string, m store.Message) string {
	return "message_logs." + column + "." + m.UserID + "/" + m.ID
}
