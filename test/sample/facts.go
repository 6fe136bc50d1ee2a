package sample

// fact is one published advisory for one source package of Alpine v3.20: what
// the distribution's security database and the CVE record say.
type fact struct {
	cve        string
	pkg        string
	introduced string
	fixed      string
	cvss       string // as NVD or the CVE's own authority scored it; may be empty
	published  string // day
}

// alpine320Facts are the advisories for busybox, musl, openssl and zlib of
// Alpine v3.20, from the fixed versions in its APKBUILD files.
func alpine320Facts() []fact {
	return []fact{
		{"CVE-2023-42364", "busybox", "0", "1.36.1-r30", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", "2023-11-27"},
		{"CVE-2023-42365", "busybox", "0", "1.36.1-r30", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", "2023-11-27"},
		{"CVE-2024-0727", "openssl", "0", "3.1.4-r5", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", "2024-01-26"},
		{"CVE-2024-12797", "openssl", "0", "3.3.3-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", "2025-02-11"},
		{"CVE-2024-13176", "openssl", "0", "3.3.2-r2", "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N", "2025-01-20"},
		{"CVE-2024-2511", "openssl", "0", "3.2.1-r2", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:L", "2024-04-08"},
		{"CVE-2024-4603", "openssl", "0", "3.3.0-r2", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L", "2024-05-16"},
		{"CVE-2024-4741", "openssl", "0", "3.3.0-r3", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:L", "2024-11-13"},
		{"CVE-2024-5535", "openssl", "0", "3.3.1-r1", "CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", "2024-06-27"},
		{"CVE-2024-58251", "busybox", "0", "1.36.1-r31", "", "2025-04-23"},
		{"CVE-2024-6119", "openssl", "0", "3.3.2-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", "2024-09-03"},
		{"CVE-2024-9143", "openssl", "0", "3.3.2-r1", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:L", "2024-10-16"},
		{"CVE-2025-15467", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "2026-01-27"},
		{"CVE-2025-15468", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-01-27"},
		{"CVE-2025-26519", "musl", "0.9.13", "1.2.5-r1", "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H", "2025-02-14"},
		{"CVE-2025-46394", "busybox", "0", "1.36.1-r31", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:N", "2025-04-23"},
		{"CVE-2025-66199", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-01-27"},
		{"CVE-2025-68160", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:N/I:N/A:H", "2026-01-27"},
		{"CVE-2025-69418", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:L/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:N", "2026-01-27"},
		{"CVE-2025-69419", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", "2026-01-27"},
		{"CVE-2025-69420", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-01-27"},
		{"CVE-2025-69421", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-01-27"},
		{"CVE-2025-9230", "openssl", "0", "3.3.5-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:L/A:L", "2025-09-30"},
		{"CVE-2025-9231", "openssl", "0", "3.3.5-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:N", "2025-09-30"},
		{"CVE-2025-9232", "openssl", "0", "3.3.5-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:N/I:N/A:L", "2025-09-30"},
		{"CVE-2026-22184", "zlib", "0", "1.3.2-r0", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "2026-01-07"},
		{"CVE-2026-22795", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", "2026-01-27"},
		{"CVE-2026-22796", "openssl", "0", "3.3.6-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-01-27"},
		{"CVE-2026-27171", "zlib", "0", "1.3.2-r0", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", "2026-02-18"},
		{"CVE-2026-28387", "openssl", "0", "3.3.7-r0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H", "2026-04-07"},
		{"CVE-2026-28388", "openssl", "0", "3.3.7-r0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-04-07"},
		{"CVE-2026-28389", "openssl", "0", "3.3.7-r0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-04-07"},
		{"CVE-2026-28390", "openssl", "0", "3.3.7-r0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "2026-04-07"},
		{"CVE-2026-31789", "openssl", "0", "3.3.7-r0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "2026-04-07"},
		{"CVE-2026-31790", "openssl", "0", "3.3.7-r0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "2026-04-07"},
		{"CVE-2026-40200", "musl", "0", "1.2.5-r3", "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:C/C:H/I:H/A:H", "2026-04-10"},
		{"CVE-2026-6042", "musl", "0", "1.2.5-r2", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H", "2026-04-10"},
	}
}

// alpine320Packages are the packages of the 3.20.3 minirootfs: name, version,
// source package.
func alpine320Packages() [][3]string {
	return [][3]string{
		{"alpine-baselayout", "3.6.5-r0", "alpine-baselayout"},
		{"alpine-baselayout-data", "3.6.5-r0", "alpine-baselayout"},
		{"alpine-keys", "2.4-r1", "alpine-keys"},
		{"apk-tools", "2.14.4-r0", "apk-tools"},
		{"busybox", "1.36.1-r29", "busybox"},
		{"busybox-binsh", "1.36.1-r29", "busybox"},
		{"ca-certificates-bundle", "20240705-r0", "ca-certificates"},
		{"libcrypto3", "3.3.2-r0", "openssl"},
		{"libssl3", "3.3.2-r0", "openssl"},
		{"musl", "1.2.5-r0", "musl"},
		{"musl-utils", "1.2.5-r0", "musl"},
		{"scanelf", "1.3.7-r2", "pax-utils"},
		{"ssl_client", "1.36.1-r29", "busybox"},
		{"zlib", "1.3.1-r1", "zlib"},
	}
}
