package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

var M = func(kv ...any) bson.D {
	d := bson.D{}
	for i := 0; i < len(kv); i += 2 {
		d = append(d, bson.E{Key: kv[i].(string), Value: kv[i+1]})
	}
	return d
}

func ck(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	ctx := context.Background()
	c, err := mongo.Connect(options.Client().ApplyURI(os.Getenv("TEST_MONGODB_URI")).SetTimeout(5 * time.Second))
	ck(err)
	db := c.Database("probe2")
	db.Drop(ctx)
	defer db.Drop(ctx)
	cl := db.Collection("claims")
	_, err = cl.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: M("open.since", 1), Options: options.Index().SetPartialFilterExpression(M("open.since", M("$exists", true)))})
	ck(err)
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
	var after bson.D
	cl.FindOne(ctx, M("_id", "o")).Decode(&after)
	fmt.Println(after)
	r, err := cl.UpdateOne(ctx, M("_id", "o", "administrators", M("$all", bson.A{"a1"}), "administrators.1", M("$exists", true)), M("$pullAll", M("administrators", bson.A{"a1"})))
	fmt.Println("admin leave", r, err)
	r, err = cl.UpdateOne(ctx, M("_id", "o", "administrators", M("$all", bson.A{"a2"}), "administrators.1", M("$exists", true)), M("$pullAll", M("administrators", bson.A{"a2"})))
	fmt.Println("admin leave last", r, err)
	cur, err := cl.Aggregate(ctx, bson.A{M("$match", M("_id", "o")), M("$project", M("limit", 1, "seats", M("$setIntersection", bson.A{"$seats", M("$literal", bson.A{"user1", "user2", "user3", "user4", "user0", "user44", "user49", "user48", "user47"})}), "n", M("$size", "$seats"), "open", 1))})
	if err == nil {
		var all []bson.M
		err = cur.All(ctx, &all)
		fmt.Println(all)
	}
	fmt.Println("intersection", err)
	var d bson.M
	err = cl.FindOne(ctx, M("_id", "o"), options.FindOne().SetProjection(M("limit", 1, "seats", M("$setIntersection", bson.A{"$seats", M("$literal", bson.A{"user1", "user49", "user48", "user47"})}), "open", 1))).Decode(&d)
	fmt.Println("find intersection", err, d)
	n, err := cl.CountDocuments(ctx, M("open.since", M("$lt", time.Now())))
	fmt.Println("unsettled", n, err)
	n, err = cl.CountDocuments(ctx, M("open.since", M("$lt", time.Now().Add(-time.Hour))))
	fmt.Println("unsettled 0=", n, err)
	r, err = cl.UpdateOne(ctx, M("_id", "o", "$and", bson.A{M("open", M("$elemMatch", M("user", "user1", "kind", "seat", "mark", "zz")))}), M("$set", M("x", 1)))
	fmt.Println("elemMatch none", r, err)
	r, err = cl.UpdateOne(ctx, M("_id", "o"), M("$pull", M("open", M("mark", "m", "user", M("$in", bson.A{"user49", "user48", "user1"})))))
	fmt.Println("pull open", r, err)
	// counts
	co := db.Collection("counts")
	_, err = co.UpdateOne(ctx, M("_id", "o"), M("$setOnInsert", M("rev", int64(0))), options.UpdateOne().SetUpsert(true))
	id := bson.NewObjectID().Hex()
	for range 2 {
		var d bson.M
		err = co.FindOneAndUpdate(ctx, M("_id", "o", "applied."+id, M("$exists", false)), M("$inc", M("n.ACTIVE/r/true", 1, "n.X/r/false", -1, "rev", 1), "$set", M("applied."+id, true), "$unset", M("applied.zzz", "")), options.FindOneAndUpdate().SetProjection(M("applied", 1)).SetReturnDocument(options.After)).Decode(&d)
		fmt.Println("counts", d, err)
	}
	var after2 bson.D
	co.FindOne(ctx, M("_id", "o")).Decode(&after2)
	fmt.Println(after2)
	t0 = time.Now()
	for range 100 { wg.Go(func() {
		_, err := co.UpdateOne(ctx, M("_id", "o"), M("$inc", M("n.c", 1))); if err != nil { fmt.Println(err) } }) }
	wg.Wait()
	fmt.Println("100 incs", time.Since(t0))
	// large claims doc
	var many bson.A
	for i := range 50000 { many = append(many, fmt.Sprintf("user_%026d", i)) }
	cl.InsertOne(ctx, M("_id", "big", "limit", 60000, "used", 50000, "seats", many, "open", bson.A{}))
	t0 = time.Now()
	var ids bson.A
	for i := range 100 { ids = append(ids, fmt.Sprint("new", i)) }
	r, err = cl.UpdateOne(ctx, M("_id", "big", "seats", M("$nin", ids), "open.user", M("$nin", ids), "$expr", M("$lte", bson.A{M("$add", bson.A{"$used", 1}), "$limit"})),
				M("$inc", M("used", 1, "rev", 1), "$push", M("seats", M("$each", ids))))
	fmt.Println("big push", r, err, time.Since(t0))
	t0 = time.Now()
	err = cl.FindOne(ctx, M("_id", "big"), options.FindOne().SetProjection(M("limit", 1, "seats", M("$setIntersection", bson.A{"$seats", M("$literal", ids)}), "open", 1))).Decode(&d)
	fmt.Println("big read", err, len(d["seats"].(bson.A)), time.Since(t0))
}
