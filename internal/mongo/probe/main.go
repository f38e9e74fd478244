package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

var M = func(kv ...any) bson.D {
	d := bson.D{}
	for i := 0; i < len(kv); i += 2 {
		d = append(d, bson.E{Key: kv[i].(string), Value: kv[i+1]})
	}
	return d
}

func main() {
	ctx := context.Background()
	wc := writeconcern.Majority()
	j := true
	wc.Journal = &j
	o := options.Client().ApplyURI(os.Getenv("TEST_MONGODB_URI")).SetTimeout(5 * time.Second).SetWriteConcern(wc).SetReadConcern(readconcern.Majority()).SetRetryWrites(true)
	if os.Getenv("V") != "" {
		o.SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) { fmt.Println(e.Command) }})
	}
	c, err := mongo.Connect(o)
	ck(err)
	db := c.Database("probe")
	db.Drop(ctx)
	defer db.Drop(ctx)
	u := db.Collection("users")
	_, err = u.Indexes().CreateMany(ctx, []mongo.IndexModel{
		{Keys: M("org", 1, "keys", 1), Options: options.Index().SetUnique(true).SetName("keys")},
		{Keys: M("dueAt", 1), Options: options.Index().SetPartialFilterExpression(M("dueAt", M("$exists", true)))},
		{Keys: M("pending.id", 1), Options: options.Index().SetPartialFilterExpression(M("pending.id", M("$exists", true)))},
		{Keys: M("org", 1, "words", 1)},
	})
	fmt.Println("indexes", err)
	// concurrent inserts sharing a key
	for round := 0; round < 5; round++ {
		var wg sync.WaitGroup
		var mu sync.Mutex
		ok, dup := 0, 0
		for i := range 20 {
			wg.Go(func() {
				_, err := u.InsertOne(ctx, M("_id", fmt.Sprintf("c%d-%d", round, i), "org", "o", "keys", bson.A{fmt.Sprintf("own%d-%d", round, i), fmt.Sprintf("shared%d", round)}))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					ok++
				} else if mongo.IsDuplicateKeyError(err) {
					dup++
				} else {
					fmt.Println(err)
				}
			})
		}
		wg.Wait()
		fmt.Println("insert shared key: ok", ok, "dup", dup)
	}
	// concurrent updates
	for round := range 3 {
		for i := range 10 {
			u.InsertOne(ctx, M("_id", fmt.Sprintf("u%d-%d", round, i), "org", "o", "keys", bson.A{fmt.Sprintf("uo%d-%d", round, i)}))
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		ok, dup := 0, 0
		for i := range 10 {
			wg.Go(func() {
				r, err := u.UpdateOne(ctx, M("_id", fmt.Sprintf("u%d-%d", round, i), "org", "o"), M("$set", M("keys", bson.A{fmt.Sprintf("uo%d-%d", round, i), fmt.Sprintf("us%d", round)})))
				mu.Lock()
				defer mu.Unlock()
				if err == nil && r.MatchedCount == 1 {
					ok++
				} else if mongo.IsDuplicateKeyError(err) {
					dup++
				} else {
					fmt.Println(err)
				}
			})
		}
		wg.Wait()
		fmt.Println("update shared key: ok", ok, "dup", dup)
	}
	// own keys kept on update
	_, err = u.UpdateOne(ctx, M("_id", "u0-1"), M("$set", M("keys", bson.A{"uo0-1"})))
	fmt.Println("own key kept", err)
	// unordered insert with duplicates
	_, err = u.InsertMany(ctx, []any{M("_id", "m1", "org", "o", "keys", bson.A{"m1"}), M("_id", "m2", "org", "o", "keys", bson.A{"m1"}), M("_id", "m1", "org", "o", "keys", bson.A{"mx"}), M("_id", "m3", "org", "o", "keys", bson.A{"m3"})}, options.InsertMany().SetOrdered(false))
	if bw, ok := err.(mongo.BulkWriteException); ok {
		for _, w := range bw.WriteErrors {
			fmt.Println("bulk", w.Index, w.Code, w.Message)
		}
	} else {
		fmt.Println("bulk?", err)
	}
	// findAndModify with pipeline
	_, err = u.InsertOne(ctx, M("_id", "p", "org", "o", "keys", bson.A{"p"}, "rev", int64(1), "group", "A", "stale", 1))
	ck(err)
	doc := M("_id", "p", "org", "o", "keys", bson.A{"p"}, "rev", int64(2), "group", "B", "name", "$keys", "n", M("x", "$$ROOT"))
	pipe := bson.A{M("$replaceWith", M("$mergeObjects", bson.A{M("$literal", doc), M("pending", M("$concatArrays", bson.A{M("$ifNull", bson.A{"$pending", bson.A{}}), M("$cond", bson.A{M("$eq", bson.A{"$group", M("$literal", "B")}), bson.A{}, bson.A{M("id", bson.NewObjectID(), "from", "$group", "to", M("$literal", "B"))}})}))}))}
	var before bson.M
	err = u.FindOneAndUpdate(ctx, M("_id", "p", "org", "o", "rev", int64(1)), pipe, options.FindOneAndUpdate().SetProjection(M("group", 1)).SetReturnDocument(options.Before)).Decode(&before)
	fmt.Println("pipeline", err, before)
	var after bson.D
	u.FindOne(ctx, M("_id", "p")).Decode(&after)
	fmt.Println(after)
	err = u.FindOneAndUpdate(ctx, M("_id", "p", "org", "o", "rev", int64(1)), pipe).Decode(&before)
	fmt.Println("stale", err)
	// dup via pipeline
	doc[2].Value = bson.A{"m1"}
	err = u.FindOneAndUpdate(ctx, M("_id", "p", "org", "o", "rev", int64(2)), pipe).Decode(&before)
	fmt.Println("pipeline dup", mongo.IsDuplicateKeyError(err), err)
	// pull nested
	r, err := u.UpdateMany(ctx, M("org", "o", "pending.id", M("$exists", true)), M("$pull", M("pending", M("id", M("$exists", true)))))
	fmt.Println("pull", r, err)
	var n int64
	n, err = u.CountDocuments(ctx, M("pending.id", M("$lt", bson.NewObjectID())))
	fmt.Println("pending left", n, err)
	// words elemMatch
	u.InsertOne(ctx, M("_id", "w", "org", "o", "keys", bson.A{"w"}, "words", bson.A{"anna", "lee", "zoë"}))
	n, err = u.CountDocuments(ctx, M("org", "o", "$and", bson.A{M("words", M("$elemMatch", M("$gte", "an", "$lt", "ao"))), M("words", M("$elemMatch", M("$gte", "le", "$lt", "lf")))}))
	fmt.Println("words 1 =", n, err)
	n, err = u.CountDocuments(ctx, M("org", "o", "words", M("$elemMatch", M("$gte", "b", "$lt", "c"))))
	fmt.Println("words 0 =", n, err)
	// claims
	cl := db.Collection("claims")
	_, err = cl.UpdateOne(ctx, M("_id", "o"), M("$setOnInsert", M("limit", 5, "used", 0, "rev", int64(0), "seats", bson.A{}, "open", bson.A{}, "administrators", bson.A{"a1", "a2"})), options.UpdateOne().SetUpsert(true))
	ck(err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	t0 := time.Now()
	for i := range 50 {
		wg.Go(func() {
			id := fmt.Sprint("user", i)
			r, err := cl.UpdateOne(ctx, M("_id", "o", "seats", M("$nin", bson.A{id}), "open.user", M("$nin", bson.A{id}), "$expr", M("$lte", bson.A{M("$add", bson.A{"$used", 1}), "$limit"})),
				M("$inc", M("used", 1, "rev", 1), "$push", M("seats", M("$each", bson.A{id}), "open", M("$each", bson.A{M("user", id, "kind", "seat", "mark", "m", "since", time.Now())}))))
			if err != nil {
				fmt.Println(err)
				return
			}
			mu.Lock()
			granted += int(r.MatchedCount)
			mu.Unlock()
		})
	}
	wg.Wait()
	fmt.Println("granted", granted, time.Since(t0))
	r, err = cl.UpdateOne(ctx, M("_id", "o", "administrators", M("$all", bson.A{"a1"}), "administrators.1", M("$exists", true)), M("$pullAll", M("administrators", bson.A{"a1"})))
	fmt.Println("admin leave", r, err)
	r, err = cl.UpdateOne(ctx, M("_id", "o", "administrators", M("$all", bson.A{"a2"}), "administrators.1", M("$exists", true)), M("$pullAll", M("administrators", bson.A{"a2"})))
	fmt.Println("admin leave last", r, err)
	cur, err := cl.Aggregate(ctx, bson.A{M("$match", M("_id", "o")), M("$project", M("limit", 1, "seats", M("$setIntersection", bson.A{"$seats", M("$literal", bson.A{"user1", "user2", "user3", "user4", "user0", "user44"})}), "open", 1))})
	if err == nil {
		var all []bson.M
		err = cur.All(ctx, &all)
		fmt.Println(all)
	}
	fmt.Println("intersection", err)
	n, err = cl.CountDocuments(ctx, M("open.since", M("$lt", time.Now())))
	fmt.Println("unsettled", n, err)
	r, err = cl.UpdateOne(ctx, M("_id", "o", "$and", bson.A{M("open", M("$elemMatch", M("user", "user1", "kind", "seat", "mark", "zz")))}), M("$set", M("x", 1)))
	fmt.Println("elemMatch none", r, err)
	// counts
	co := db.Collection("counts")
	_, err = co.UpdateOne(ctx, M("_id", "o"), M("$setOnInsert", M("rev", int64(0))), options.UpdateOne().SetUpsert(true))
	id := bson.NewObjectID().Hex()
	for range 2 {
		var d bson.M
		err = co.FindOneAndUpdate(ctx, M("_id", "o", "applied."+id, M("$exists", false)), M("$inc", M("n.ACTIVE/r/true", 1, "n.X/r/false", -1, "rev", 1), "$set", M("applied."+id, true), "$unset", M("applied.zzz", "")), options.FindOneAndUpdate().SetProjection(M("applied", 1)).SetReturnDocument(options.After)).Decode(&d)
		fmt.Println("counts", d, err)
	}
	co.FindOne(ctx, M("_id", "o")).Decode(&after)
	fmt.Println(after)
	// 1000-insert speed
	docs := []any{}
	for i := range 1000 {
		docs = append(docs, M("_id", fmt.Sprint("s", i), "org", "o", "keys", bson.A{fmt.Sprint("s", i), fmt.Sprint("t", i)}, "words", bson.A{fmt.Sprint("w", i), "x", "y", "z"}))
	}
	t0 = time.Now()
	_, err = u.InsertMany(ctx, docs)
	fmt.Println("1000 inserts", time.Since(t0), err)
}

func ck(err error) {
	if err != nil {
		panic(err)
	}
}
