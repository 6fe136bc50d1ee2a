package sql

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
)

const benchAccount = "000000000000"

func onBoth(b *testing.B, run func(b *testing.B, s *Store)) {
	for _, name := range []string{"SQLite", "PostgreSQL"} {
		b.Run(name, func(b *testing.B) { run(b, databases[name](b)) })
	}
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// pushes makes n images of three layers and a config, whose blobs are stored.
func pushes(b *testing.B, s *Store, repo string, n int) []meta.PutImage {
	all := make([]meta.PutImage, n)
	parallel(n, 16, func(i int) {
		var digests [4]string
		for k := range digests {
			digests[k] = metatest.Blob(b, s, repo, fmt.Sprintf("%s-%d-%d", repo, i, k), 10_000)
		}
		all[i] = metatest.Push(repo, metatest.Image(digests[0], digests[1:]...), fmt.Sprint("v", i))
		all[i].MaxImages, all[i].MaxTagsPerImage = 10_000_000, registry.MaxTagsPerImage
	})
	return all
}

// parallel calls f for 0 … n-1 from a number of goroutines.
func parallel(n, goroutines int, f func(i int)) {
	var next atomic.Int64
	done := make(chan struct{})
	for range goroutines {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		}()
	}
	for range goroutines {
		<-done
	}
}

func BenchmarkPutImage(b *testing.B) {
	for _, goroutines := range []int{1, 16} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			onBoth(b, func(b *testing.B, s *Store) {
				metatest.Repo(b, s, "bench")
				all := pushes(b, s, "bench", b.N)
				b.ResetTimer()
				parallel(b.N, goroutines, func(i int) {
					if _, err := s.PutImage(context.Background(), all[i]); err != nil {
						b.Error(err)
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
			})
		})
	}
}

// BenchmarkPush is what a small image costs: four blobs and a manifest.
func BenchmarkPush(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		metatest.Repo(b, s, "bench")
		b.ResetTimer()
		parallel(b.N, 16, func(i int) {
			var digests [4]string
			for k := range digests {
				digests[k] = metatest.Blob(b, s, "bench", fmt.Sprintf("%d-%d", i, k), 10_000)
			}
			if _, err := s.PutImage(context.Background(), metatest.Push("bench", metatest.Image(digests[0], digests[1:]...), fmt.Sprint("v", i))); err != nil {
				b.Error(err)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
	})
}

func BenchmarkSaveUpload(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		b.ResetTimer()
		parallel(b.N, 16, func(i int) {
			u := meta.Upload{ID: fmt.Sprint("upload-", i), RepositoryID: 1, Offset: 10_000, HashState: make([]byte, 110), BlobState: make([]byte, 20), UpdatedAt: time.Now()}
			if saved, err := s.SaveUpload(context.Background(), u, 0); err != nil || !saved {
				b.Error(saved, err)
			}
		})
	})
}

// largeRepository has a repository of images, each with a tag, and one of a
// single image with 10,000 tags.
func largeRepository(b *testing.B, s *Store, images int) []meta.PutImage {
	metatest.Repo(b, s, "large")
	config := metatest.Blob(b, s, "large", "config", 1)
	all := make([]meta.PutImage, images)
	parallel(images, 16, func(i int) {
		m := metatest.Image(config)
		m.Annotations = map[string]string{"n": fmt.Sprint(i)}
		all[i] = metatest.Push("large", m, fmt.Sprintf("v%06d", i))
		if _, err := s.PutImage(context.Background(), all[i]); err != nil {
			b.Error(err)
		}
	})
	return all
}

// BenchmarkAccess is what every request asks before anything else, in an
// account of 1,000 repositories with policies.
func BenchmarkAccess(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		ctx := context.Background()
		policy := fmt.Sprintf("%01000d", 0)
		parallel(1000, 16, func(i int) {
			name := fmt.Sprint("r", i)
			metatest.Repo(b, s, name)
			check(b, s.PutDocument(ctx, benchAccount, name, meta.PolicyDocument, meta.Document{Text: policy, UpdatedAt: time.Now()}))
			check(b, s.CreateRecord(ctx, meta.Record{Account: benchAccount, Kind: meta.UserRecord, Name: name, Body: []byte(policy)}, 0))
			check(b, s.CreateAccessKey(ctx, meta.AccessKey{ID: name, Secret: []byte(policy[:60]), Account: benchAccount, Principal: name}, 2))
		})
		check(b, s.PutSetting(ctx, benchAccount, meta.SettingRegistryPolicy, policy))
		cases := []struct {
			name string
			run  func(name string) error
		}{
			{"AccessPolicies", func(name string) error {
				_, err := s.AccessPolicies(ctx, benchAccount, name)
				return err
			}},
			{"Record", func(name string) error {
				_, err := s.Record(ctx, benchAccount, meta.UserRecord, name)
				return err
			}},
			{"AccessKey", func(name string) error {
				_, _, err := s.AccessKey(ctx, name)
				return err
			}},
		}
		names := make([]string, 1000)
		for i := range names {
			names[i] = fmt.Sprint("r", i)
		}
		for _, c := range cases {
			b.Run(c.name, func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					check(b, c.run(names[i*7%len(names)]))
				}
			})
			b.Run(c.name+"Parallel", func(b *testing.B) {
				parallel(b.N, 16, func(i int) { check(b, c.run(names[i*7%len(names)])) })
			})
		}
		b.Run("AccessPoliciesOfNone", func(b *testing.B) {
			for i := range b.N {
				check(b, cases[0].run(fmt.Sprint("none", i)))
			}
		})
	})
}

// BenchmarkArchived lists in a repository of 100,000 archived images and ten
// others, each with a tag.
func BenchmarkArchived(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		ctx := context.Background()
		all := largeRepository(b, s, 100_010)
		parallel(100_000, 16, func(i int) {
			_, err := s.SetStorageClass(ctx, meta.SetStorageClass{
				Account: benchAccount, Repository: "large", ID: registry.ImageID{Digest: all[i].Digest}, Status: registry.ImageArchived, Now: time.Now(),
			})
			if err != nil {
				b.Error(err)
			}
		})
		for _, status := range []registry.ImageStatus{registry.ImageActive, registry.ImageArchived, registry.ImageActivating, registry.ImageAnyStatus} {
			for _, tags := range []registry.TagFilter{registry.AnyTag, registry.Tagged, registry.Untagged} {
				q := meta.ImageQuery{Limit: 100, Status: status, Tags: tags}
				b.Run(fmt.Sprint("ListImages/", status, "/", tags), func(b *testing.B) {
					for range b.N {
						_, err := s.ListImages(ctx, benchAccount, "large", q)
						check(b, err)
					}
				})
				b.Run(fmt.Sprint("ListImageIDs/", status, "/", tags), func(b *testing.B) {
					for range b.N {
						_, err := s.ListImageIDs(ctx, benchAccount, "large", q)
						check(b, err)
					}
				})
			}
		}
		b.Run("ListTags", func(b *testing.B) {
			for range b.N {
				_, err := s.ListTags(ctx, benchAccount, "large", "", 100)
				check(b, err)
			}
		})
	})
}

// BenchmarkFollow is a step of a hundred referrers that are archived, restored
// or deleted with their subject, of 20,000.
func BenchmarkFollow(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		ctx := context.Background()
		metatest.Repo(b, s, "bench")
		repo, err := s.Repository(ctx, benchAccount, "bench")
		check(b, err)
		config := metatest.Blob(b, s, "bench", "config", 1)
		subject := metatest.Push("bench", metatest.Image(config))
		id := registry.ImageID{Digest: subject.Digest}
		_, err = s.PutImage(ctx, subject)
		check(b, err)
		parallel(20_000, 16, func(i int) {
			m := metatest.Image(config)
			m.Subject = &registry.Descriptor{Digest: subject.Digest}
			m.Annotations = map[string]string{"n": fmt.Sprint(i)}
			if _, err := s.PutImage(ctx, metatest.Push("bench", m, fmt.Sprint("sig-", i))); err != nil {
				b.Error(err)
			}
		})
		class := func(status registry.ImageStatus) error {
			_, err := s.SetStorageClass(ctx, meta.SetStorageClass{Account: benchAccount, Repository: "bench", ID: id, Status: status, Now: time.Now()})
			return err
		}
		follow := func(b *testing.B, begin func() error) {
			check(b, begin())
			in := meta.FollowSubject{RepositoryID: repo.ID, Subject: subject.Digest, At: time.Now(), Limit: 100, Now: time.Now()}
			b.ResetTimer()
			for range b.N {
				out, err := s.FollowSubject(ctx, in)
				check(b, err)
				in.After = out.Next
			}
		}
		b.Run("Archive", func(b *testing.B) { follow(b, func() error { return class(registry.ImageArchived) }) })
		b.Run("Restore", func(b *testing.B) { follow(b, func() error { return class(registry.ImageActive) }) })
		b.Run("Delete", func(b *testing.B) {
			follow(b, func() error {
				_, err := s.DeleteImage(ctx, meta.DeleteImage{Account: benchAccount, Repository: "bench", ID: id})
				if registry.CodeOf(err) == registry.CodeImageNotFound {
					return nil // the second time
				}
				return err
			})
		})
	})
}

// BenchmarkRead reads in a repository of 100,000 images with a tag each, and
// pushes into it.
func BenchmarkRead(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		all := largeRepository(b, s, 100_000)
		ctx := context.Background()
		n := func(i int) int { return i * 7919 % len(all) }
		cases := []struct {
			name string
			run  func(i int) error
		}{
			{"ManifestByTag", func(i int) error {
				_, err := s.Manifest(ctx, benchAccount, "large", registry.Reference{Tag: all[n(i)].Tags[0]})
				return err
			}},
			{"ManifestByDigest", func(i int) error {
				_, err := s.Manifest(ctx, benchAccount, "large", registry.Reference{Digest: all[n(i)].Digest})
				return err
			}},
			{"Blob", func(i int) error {
				_, err := s.Blob(ctx, benchAccount, "large", metatest.DigestOf("config"))
				return err
			}},
			{"BlobsPresent4", func(i int) error {
				d := metatest.DigestOf("config")
				_, err := s.BlobsPresent(ctx, benchAccount, "large", []string{d, d + "1", d + "2", d + "3"})
				return err
			}},
			{"ListTags100", func(i int) error {
				_, err := s.ListTags(ctx, benchAccount, "large", "", 100)
				return err
			}},
			{"ListImages100", func(i int) error {
				_, err := s.ListImages(ctx, benchAccount, "large", meta.ImageQuery{Limit: 100})
				return err
			}},
			{"ListImageIDs100", func(i int) error {
				_, err := s.ListImageIDs(ctx, benchAccount, "large", meta.ImageQuery{Limit: 100, After: registry.ImageID{Digest: all[n(i)].Digest, Tag: all[n(i)].Tags[0]}})
				return err
			}},
			{"ListUntagged100", func(i int) error {
				_, err := s.ListImages(ctx, benchAccount, "large", meta.ImageQuery{Limit: 100, Tags: registry.Untagged})
				return err
			}},
		}
		for _, c := range cases {
			b.Run(c.name, func(b *testing.B) {
				for i := range b.N {
					check(b, c.run(i))
				}
			})
		}
		b.Run("ManifestByTagParallel", func(b *testing.B) {
			parallel(b.N, 16, func(i int) { check(b, cases[0].run(i)) })
		})
		b.Run("PutImage16", func(b *testing.B) {
			more := make([]meta.PutImage, b.N)
			for i := range more {
				m := metatest.Image(metatest.DigestOf("config"))
				m.Annotations = map[string]string{"more": fmt.Sprint(b.N, i)}
				more[i] = metatest.Push("large", m, fmt.Sprint("more", b.N, "-", i))
				more[i].MaxImages = 10_000_000
			}
			b.ResetTimer()
			parallel(b.N, 16, func(i int) {
				if _, err := s.PutImage(ctx, more[i]); err != nil {
					b.Error(err)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	})
}
