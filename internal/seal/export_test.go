package seal

import "time"

// EncryptWithIV lets the specification's vectors choose the random part.
func (k Key) EncryptWithIV(plain []byte, iv [16]byte, now time.Time) string {
	return string(k.encrypt(nil, iv, now, [][]byte{plain}))
}
