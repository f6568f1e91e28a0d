"""Every table's shape, in the order in which the data meets them. Read top to bottom, this is the system.

Each says what one row is and by which columns it is unique. Wide tables (account features, basetable) have the columns
below plus one per entry of the feature catalogue. A `!` behind a type means never null.
"""

from __future__ import annotations

from segmentation.table import Table, columns

KEPT, QUARANTINED, DROPPED = "kept", "quarantined", "dropped"
#: states of a file in the ledger
READ, REFUSED = "read", "refused"

# 0 what readers see ---------------------------------------------------------------------------------------------

PUBLISHED = Table(
    "published",
    "one row per table: the version of it that readers see; replaced in one commit when a job is done",
    columns("""
        table_name   string!
        version      long!       # Delta version; what was committed after it belongs to a job that has not finished
        note         string      # what the content was made from; a job that would make the same again does nothing
        sequence     long!       # number of the publication, one more than the last
        job          string!     # the job that published last
        published_at timestamp!
    """),
    unique_by=("table_name",),
    volatile=("version", "note", "sequence", "job", "published_at"),
)

# 1 events -------------------------------------------------------------------------------------------------------

EVENTS = Table(
    "events",
    "one row per row of the raw logs, whatever became of it",
    columns("""
        event_month  date        # first day of the event's month in UTC; null where the time is unreadable
        batch_id     string!     # the ingest that brought the row
        file_id      string!     # hash of the content of the file it stood in
        disposition  string!     # kept, quarantined or dropped
        rule         string      # the rule that quarantined or dropped it; null when kept
        flags        strings     # further rules that hold for the row; null when none does
        raw          binary      # original bytes of the line (of Parquet: JSON); null when kept, superseded or erased
        event_ts     timestamp
        event_date   date        # stored, because turning a timestamp into a date is dear
        token        string
        account_id   string
        event_name   string
        category     string
        token_key    long        # xxhash64(token)
        account_key  long        # xxhash64(account_id)
        event_key    long        # xxhash64(category, event_name)
        platform_key long        # xxhash64(product, os), with '' for null
        duration_s   double      # seconds
        value        double
        status       string
        is_error     boolean
        product      string
        os           string
        attributes   map         # the source's remaining named columns
        row_hash     long        # xxhash64 of the whole original row: duplicates across batches are found by it
        event_id_hash long       # xxhash64 of the source's name and the event's id; null where the source has none
        revision     long        # which version of the event it is; of one event id only the latest row is kept
    """),
    unique_by=(),
    partition_by=("event_month",),
    indexed=("batch_id", "disposition", "category"),
    # of equal rows in several files, the one that stays is the one that came first
    volatile=("batch_id", "file_id"),
    constraints={
        "disposition_known": "disposition IN ('kept', 'quarantined', 'dropped')",
        "decided_by_rule": "(disposition = 'kept') = (rule IS NULL)",
        "kept_is_whole": "disposition <> 'kept' OR (event_ts IS NOT NULL AND event_month IS NOT NULL"
        " AND token_key IS NOT NULL AND account_key IS NOT NULL AND event_key IS NOT NULL)",
        # NaN >= 0 is true
        "kept_is_finite": "disposition <> 'kept' OR coalesce(NOT isnan(duration_s) AND duration_s >= 0"
        " AND duration_s < double('Infinity'), true)"
        " AND coalesce(NOT isnan(value) AND abs(value) < double('Infinity'), true)",
    },
)

INGEST_PLANS = Table(
    "ingest_plans",
    "one row per planned batch, written before any of it is read, and per replay; ingest reads it, published or not",
    columns("""
        batch_id     string!     # hash of its rules and of the content of its files; of a replay one that it concerns
        state        string!     # planned; given_up when it cannot be done; replayed, before its rows are stored
        planned_at   timestamp!
        source       string!
        rules_hash   string!     # SHA-256 of `rules`
        rules        string!     # JSON: the source, its categories, the ingest settings; the batch is read by these
        files        string!     # JSON: by path, content hash, bytes, modification time, rows, layout; {} of a replay
        reason       string      # of a batch given up
    """),
    unique_by=("batch_id", "planned_at", "state"),
    volatile=("planned_at",),
)

LEDGER = Table(
    "ingest_ledger",
    "one row per file of a batch",
    columns("""
        batch_id     string!
        file_id      string!     # SHA-256 of its content
        path         string!
        source       string!
        status       string!     # read, or refused: the file as a whole could not be taken in
        reason       string      # why it was refused
        bytes        long!
        rows_in      long!       # counted apart from the parser: physical lines less the header, or Parquet footers
        kept         long!
        quarantined  long!
        dropped      long!
        new_columns  strings     # columns the source does not know, kept in `attributes`; null when there are none
        absent_columns strings   # columns of the source that the file lacks, null in its rows
        layout       string      # its columns: the header line of CSV, the Spark schema of Parquet as JSON
        ingested_at  timestamp!
    """),
    unique_by=("batch_id", "file_id"),
    volatile=("batch_id", "ingested_at"),
    constraints={"balance": "rows_in = kept + quarantined + dropped"},
)

ROW_BALANCE = Table(
    "row_balance",
    "one row per batch, file, month, disposition and rule",
    columns("""
        batch_id     string!
        file_id      string!
        event_month  date
        disposition  string!     # kept, quarantined, dropped; or flagged, which counts rows on which a rule holds
        rule         string
        rows         long!       # flagged rows are counted under their disposition as well: never add them up
    """),
    unique_by=("batch_id", "file_id", "event_month", "disposition", "rule"),
    volatile=("batch_id",),
    constraints={"counted": "rows > 0"},
)

TOKENS = Table(
    "tokens",
    "one row per token",
    columns("""
        token_key    long!
        token        string!
        account_key  long!
        account_id   string!     # by rule: the account with most kept rows, then the latest seen, then the smallest id
        rows         long!       # kept rows under any account
        first_seen   timestamp!
        last_seen    timestamp!
        accounts     accounts!   # every account the token was seen under, by account_id
    """),
    unique_by=("token_key",),
)

EVENT_NAMES = Table(
    "event_names",
    "one row per category and event name ever seen",
    columns("""
        event_key    long!
        event_name   string!
        category     string!
        rule         string!     # exact, prefix:..., pattern:... or unmatched
        bit          int         # its place in the category's name mask, handed out once; null beyond the limit
        first_seen   timestamp!
    """),
    unique_by=("event_key",),
    volatile=("bit",),
)

PLATFORMS = Table(
    "platforms",
    "one row per product and system that were ever logged together",
    columns("""
        platform_key long!
        product      string
        os           string
    """),
    unique_by=("platform_key",),
)

# 2 features -----------------------------------------------------------------------------------------------------

ACTIVITY = Table(
    "activity",
    "one row per token, category and month (and account, product, system, where these change within the month)",
    columns("""
        event_month     date!
        token_key       long!
        account_key     long!
        category        string!
        product         string
        os              string
        rows            long!
        duration_count  long!
        duration_sum    exact     # DECIMAL(38,6): sums of doubles would depend on the order of the rows
        duration_max    double
        value_count     long!
        value_sum       exact
        value_max       double
        errors          long!
        day_mask        int!      # bit d-1 set: active on day d of the month
        name_masks      longs!    # bit b of word w set: the name with bit 64w+b occurred
        name_sketch     binary    # HyperLogLog of the names beyond the limit; null when all have a bit
        first_ts        timestamp!
        last_ts         timestamp!
    """),
    unique_by=("event_month", "token_key", "account_key", "category", "product", "os"),
    partition_by=("event_month",),
    volatile=("name_masks", "name_sketch"),  # bits are handed out in the order in which names arrived
)

ACTIVITY_FILES = Table(
    "activity_files",
    "one row per month of the cube, batch and file: how much of it the month was computed from",
    columns("""
        event_month  date!
        batch_id     string!
        file_id      string!
        rows         long!       # its kept rows in that month
        overtaken    long!       # its rows there that later versions of their events have overtaken, and erased ones
    """),
    unique_by=("event_month", "batch_id", "file_id"),
    volatile=("batch_id",),
)

TOKEN_FEATURES = Table(
    "token_features",
    "one row per as_of, token and category: the measures that roll up into an account",
    columns("""
        as_of        date!
        token_key    long!
        account_key  long!
        category     string!
    """),
    unique_by=("as_of", "token_key", "category"),
    partition_by=("as_of",),
    open_ended=True,
    volatile=("names_*", "name_sketch"),  # as in activity
)

ACCOUNT_FEATURES = Table(
    "account_features",
    "one row per as_of and account, one column per entry of the feature catalogue; null means not measurable",
    columns("""
        as_of        date!
        account_id   string!
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
    open_ended=True,
)

# 3 basetable ----------------------------------------------------------------------------------------------------

ACCOUNTS = Table(
    "accounts",
    "one row per account of the accounts file, its other columns as they came",
    columns("""
        account_id   string!
    """),
    unique_by=("account_id",),
    open_ended=True,
    free_names=True,
    # a new accounts file may bring other columns, and Delta forgets NOT NULL when a schema is replaced
    constraints={"account_is_named": "account_id IS NOT NULL"},
)

BASETABLE = Table(
    "basetable",
    "one row per as_of and account: no missing feature, the label, the fold",
    columns("""
        as_of        date!
        account_id   string!
        industry     string      # the label; null for most
        split        string!     # train or test, by hash of the account
        fold         int!        # 0 .. folds - 1, by hash of the account, stratified by industry
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
    open_ended=True,
    constraints={"split_known": "split IN ('train', 'test')", "fold_counted": "fold >= 0"},
)

# 5 segments, industries -----------------------------------------------------------------------------------------

SEGMENTS = Table(
    "segments",
    "one row per as_of, account and method",
    columns("""
        as_of        date!
        account_id   string!
        method       string!     # an entry of the model catalogue, or consensus
        segment      int!        # an id that survives retraining; -1: in no segment
        name         string!
        confidence   double!     # how sure the membership is, 0 to 1; each method's measure is in segments/scoring.py
        outlier      boolean!    # unlike all others, by the GMM's likelihood or DBSCAN: look before acting on it
        model        string!     # registered model and version, or runs:/ and the run for methods without a model
    """),
    unique_by=("as_of", "account_id", "method"),
    partition_by=("as_of",),
    volatile=("model",),
    constraints={"confidence_is_a_number": "NOT isnan(confidence) AND confidence >= 0 AND confidence <= 1"},
)

SEGMENT_SUMMARIES = Table(
    "segment_summaries",
    "one row per as_of, method and segment, and per segment that ended since the last run",
    columns("""
        as_of        date!
        method       string!
        segment      int!
        name         string!
        sentence     string!     # what sets it apart, in words made of the tested figures alone
        accounts     long!       # 0 for a segment that ended
        share        double!     # of all accounts
        stability    double      # mean Jaccard similarity over resamples
        change       string!     # first, kept, born, split, merged or ended, against the run before
        previous     ints!       # segments of the run before that its members came from, or where an ended one went
        recency_days double      # median days since the last log row
        active_days  double      # median active days of the year
        rows_year    double      # median log rows of the year
    """),
    unique_by=("as_of", "method", "segment"),
    partition_by=("as_of",),
)

SEGMENT_PROFILES = Table(
    "segment_profiles",
    "one row per as_of, method, segment and variable: the segment held against all other accounts",
    columns("""
        as_of        date!
        method       string!
        segment      int!
        feature      string!     # a feature; of the accounts file a column of numbers, or `column = value`
        centre       double      # mean of the accounts that have it, log1p where heavy-tailed; of a value its share
        effect       double      # Hedges' g against all other accounts; of a value: difference of the shares
        low          double      # 95 % interval of the effect
        high         double
        held_out     boolean!    # neither clustered on nor counted from the same: only then is a test no circle
        p_value      double      # Mann-Whitney, of a value Fisher; null when not held out
        q_value      double      # the same after Benjamini-Hochberg over all tests of the method
        importance   double      # share of the variance of the feature that the segments explain (eta squared)
    """),
    unique_by=("as_of", "method", "segment", "feature"),
    partition_by=("as_of",),
)

SEGMENT_MOVES = Table(
    "segment_moves",
    "one row per as_of, method and account that was in the run before as well",
    columns("""
        as_of             date!
        account_id        string!
        method            string!
        previous_as_of    date!
        previous_segment  int!   # by the model before, on the data before
        same_model        int!   # by the model before, on the data of as_of: differs when the customer moved
        segment           int!   # by the model of as_of: differs from same_model when retraining moved it
    """),
    unique_by=("as_of", "account_id", "method"),
    partition_by=("as_of",),
)

ACCOUNT_RFM = Table(
    "account_rfm",
    "one row per as_of and account: recency, frequency and volume of use, each from 1 (low) to 5",
    columns("""
        as_of        date!
        account_id   string!
        recency_days double!     # days since the last log row
        active_days  double!     # of the last twelve months
        rows_year    double!     # log rows of the last twelve months
        recency      int!        # 5: most recent
        frequency    int!
        volume       int!
        label        string!     # such as `active and heavy`, `fading`, `gone`
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
    constraints={
        "scored_1_to_5": "least(recency, frequency, volume) >= 1 AND greatest(recency, frequency, volume) <= 5"
    },
)

ACCOUNT_POSITIONS = Table(
    "account_positions",
    "one row per as_of and account that the driver saw: its place on the map of the segments",
    columns("""
        as_of        date!
        account_id   string!
        x            double!     # first principal component of the space that segments are found in; no unit
        y            double!     # the second; 0 where there is only one
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
)

INDUSTRY_SCORES = Table(
    "industry_scores",
    "one row per as_of, account and industry",
    columns("""
        as_of        date!
        account_id   string!
        industry     string!
        probability  double!     # sums to one over an account's industries
        model        string!
    """),
    unique_by=("as_of", "account_id", "industry"),
    partition_by=("as_of",),
    volatile=("model",),
    constraints={"probability_is_one": "NOT isnan(probability) AND probability >= 0 AND probability <= 1 + 1e-9"},
)

INDUSTRY_MODELS = Table(
    "industry_models",
    "one row per as_of for which a model was trained or published: whose its industries are, and what the gate said",
    columns("""
        as_of        date!
        model        string      # behind the rows of that date; null: the gate refused one and nobody else could answer
        trained_for  date        # the as_of that this model was trained for; null: its run is not there any more
        trained_at   timestamp   # UTC; null: the model is not there any more
        gate         string      # of this model: passed, refused (there is no other) or overruled; null: nobody asked
        refused      string      # the model trained last for that date, where the gate refused it
        reasons      strings!    # why it did, in words
        labels_checked boolean!  # false: the model was kept from an earlier training, so industry_suspects is empty
    """),
    unique_by=("as_of",),
    partition_by=("as_of",),
    volatile=("model", "refused", "trained_at"),
)

INDUSTRY_METRICS = Table(
    "industry_metrics",
    "one row per as_of, slice, metric and industry: what the scores of that as_of are worth",
    columns("""
        as_of        date!
        slice        string!     # train (what the fit has seen), cv (out of fold) or test (never seen)
        metric       string!     # auc, pr_auc, macro_auc, accuracy, top2_accuracy, mcc, log_loss, brier, ...
        industry     string      # the industry against the rest; null for a metric over all of them
        value        double      # null where it is not defined; the reason says why
        low          double      # 95 % bootstrap interval over accounts; of cv wider, as its fits share accounts
        high         double
        majority     double      # the same metric for always answering with the shares of the training split
        random       double      # the same metric for answers drawn from those shares
        chance_high  double      # of an auc: what 2.5 % of relabellings by chance exceed
        p_value      double      # of an auc: share of relabellings by chance that reach the value
        support      long!       # accounts behind the value
        reason       string
        model        string!
    """),
    unique_by=("as_of", "slice", "metric", "industry"),
    partition_by=("as_of",),
    volatile=("model",),
)

INDUSTRY_CARDS = Table(
    "industry_cards",
    "one row per as_of and industry of the accounts file: whether usage tells it, and how many accounts it can fill",
    columns("""
        as_of        date!
        industry     string!
        labelled     long!       # accounts with that label
        verdict      string!     # predictable, promising with more accounts, not from usage, too few accounts
        reason       string!     # why, in words
        auc          double      # against the rest, cross-validated over all repeats
        auc_low      double
        auc_high     double
        pr_auc       double      # average precision
        pr_auc_low   double
        pr_auc_high  double
        prevalence   double      # share among the labelled: what the average precision of a random order would be
        q_value      double      # of the AUC against permuted labels, after Benjamini-Hochberg over industries
        gain         double      # AUC with all training accounts less that with the fewest of the learning curve
        threshold    double      # probability from which on it is filled in; null: never
        precision    double      # of such fills, on accounts that the fit had not seen
        precision_low double     # lower bound at the confidence of the settings
        coverage     double      # share of that industry's labelled accounts that would be filled rightly
        fillable     long!       # unlabelled accounts that can be filled with it
        model        string!
    """),
    unique_by=("as_of", "industry"),
    partition_by=("as_of",),
    volatile=("model",),
)

INDUSTRY_COVERAGE = Table(
    "industry_coverage",
    "one row per as_of, industry and threshold: what filling in from that probability on would give",
    columns("""
        as_of        date!
        industry     string!     # `all` for all of them together
        threshold    double!
        filled       long!       # labelled accounts whose first choice is the industry with at least this probability
        precision    double!
        low          double!     # one-sided lower bound at the confidence of the settings (Clopper and Pearson 1934)
        coverage     double!     # share of the industry's labelled accounts filled rightly
    """),
    unique_by=("as_of", "industry", "threshold"),
    partition_by=("as_of",),
)

INDUSTRY_FILL = Table(
    "industry_fill",
    "one row per as_of and unlabelled account: fill its industry in, or have somebody look",
    columns("""
        as_of        date!
        account_id   string!
        decision     string!     # fill or review
        industry     string!     # the first choice
        probability  double!
        second       string!     # the second choice
        reasons      strings     # what speaks most for the first choice; null: not computed (trees, kept models)
        model        string!
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
    volatile=("model",),
    constraints={"decision_known": "decision IN ('fill', 'review')"},
)

INDUSTRY_SUSPECTS = Table(
    "industry_suspects",
    "one row per as_of and labelled account whose label its usage contradicts (out-of-fold)",
    columns("""
        as_of        date!
        account_id   string!
        industry     string!     # the label
        suggested    string!
        probability  double!     # of the label
        suggested_probability double!
        margin       double!     # suggested less label; the list is in its order
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
)

INDUSTRY_DRIVERS = Table(
    "industry_drivers",
    "one row per as_of, industry and feature that the model uses",
    columns("""
        as_of        date!
        industry     string!
        feature      string!
        effect       double!     # coefficient x standard deviation, in log-odds; of trees: share of the gain, unsigned
        selected     double      # share of half-samples in which the feature was selected; null: not measured
        model        string!
    """),
    unique_by=("as_of", "industry", "feature"),
    partition_by=("as_of",),
    volatile=("model",),
)

CHURN_SCORES = Table(
    "churn_scores",
    "one row per as_of and account: how likely it is to fall silent",
    columns("""
        as_of        date!
        account_id   string!
        active       boolean!    # had a row in the months before as_of that the settings name
        probability  double!     # of no log row in the horizon from as_of on
        model        string!
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
    volatile=("model",),
    constraints={"probability_is_one": "NOT isnan(probability) AND probability >= 0 AND probability <= 1"},
)

CHURN_METRICS = Table(
    "churn_metrics",
    "one row per as_of, population, slice and metric, beside the same metric of two baselines",
    columns("""
        as_of        date!
        population   string!     # all accounts, or active ones
        slice        string!     # train (features of two horizons ago) or test (of one horizon ago: later in time)
        metric       string!     # auc, pr_auc, log_loss or brier
        value        double
        low          double      # 95 % bootstrap interval over accounts
        high         double
        base_rate    double      # the metric of answering everybody with the training share
        recency      double      # the metric of ranking by days since the last row alone
        accounts     long!
        churned      long!
        reason       string
    """),
    unique_by=("as_of", "population", "slice", "metric"),
    partition_by=("as_of",),
)

ACCOUNT_VALUES = Table(
    "account_values",
    "one row per as_of and account with a value, but few of a wrong clock: how often it will come back, and its worth",
    columns("""
        as_of        date!
        account_id   string!
        repeats      long!       # days with a value, but the first
        recency_days double!     # from the first to the last such day
        age_days     double!     # from the first to as_of
        mean_value   double!     # per such day, the first included: the cube adds values up by the month
        alive        double!     # probability of being a customer still (BG/NBD)
        expected_days double!    # days with a value in the months ahead that the settings name
        expected_value double    # of one such day (gamma-gamma)
        lifetime_value double    # expected days x expected value, not discounted
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
)

# 6 batch scores, exploration ------------------------------------------------------------------------------------

ACCOUNT_SCORES = Table(
    "account_scores",
    "one row per as_of, account and model name: what the champion answers; scored again, the row is updated",
    columns("""
        as_of        date!
        account_id   string!
        model_name   string!     # industry, segments_kmeans, ...: the registered name without catalog and version
        prediction   string!     # the industry, or the number of the segment
        name         string!     # the industry, or the name of the segment
        confidence   double!     # the industry's probability; of a segment as in segments
        second       string      # the next best answer, by its name; null where there is no other
        model        string!     # registered name and version
        basetable_version long!  # Delta version of the basetable that was scored
        scored_at    timestamp!  # UTC
    """),
    unique_by=("as_of", "account_id", "model_name"),
    partition_by=("as_of",),
    volatile=("model", "basetable_version", "scored_at"),
    constraints={"confidence_is_one": "NOT isnan(confidence) AND confidence >= 0 AND confidence <= 1 + 1e-9"},
)

COLUMN_PROFILES = Table(
    "column_profiles",
    "one row per as_of, source and column: what stands in it, before any model",
    columns("""
        as_of        date!
        source       string!     # events (kept rows before as_of) or basetable (accounts as of that date)
        column_name  string!
        kind         string!     # number, text, boolean, time or other
        rows         long!       # rows looked at; of the basetable no more than explore.driver_accounts
        missing      long!
        missing_share double!
        distinct_values long     # null where it says nothing
        estimated    boolean!    # the number of distinct values is an estimate (HyperLogLog, some 5 % off)
        minimum      double      # of numbers; the quantiles of events are estimates
        q05          double
        q25          double
        median       double
        q75          double
        q95          double
        maximum      double
        mean         double
        sd           double      # of the rows, divided by their number less one
        zero_share   double      # of the rows that are not missing
        top_share    double      # of the rows that are not missing: those with the most frequent value
        gini         double      # of names: how unequally rows fall on them, 0 all alike, towards 1 all on one
        remark       string      # constant, nearly constant, mostly missing, mostly zero
    """),
    unique_by=("as_of", "source", "column_name"),
    partition_by=("as_of",),
    volatile=("q05", "q25", "median", "q75", "q95"),  # percentile_approx merges what tasks bring in their order
)

COLUMN_HISTOGRAMS = Table(
    "column_histograms",
    "one row per as_of, source, column of numbers and bin",
    columns("""
        as_of        date!
        source       string!
        column_name  string!     # of events also hour_of_day (UTC, 0 to 23) and weekday (1 Monday to 7)
        bin          int!        # from 0
        low          double!     # from here on
        high         double!     # up to here, which belongs to the next bin; to the last one itself
        rows         long!
        scale        string!     # linear, or log1p where the largest values above 1 dwarf the others
    """),
    unique_by=("as_of", "source", "column_name", "bin"),
    partition_by=("as_of",),
)

HEAVY_HITTERS = Table(
    "heavy_hitters",
    "one row per as_of, kind of name and rank: the names with the most kept rows before as_of",
    columns("""
        as_of        date!
        kind         string!     # account, token, event_name, product, os, status or category
        rank         int!        # from 1
        name         string!
        account_id   string      # of accounts and tokens, so that an account can be erased here too
        rows         long!
        share        double!     # of all kept rows, those without such a name included
        cumulative_share double!
    """),
    unique_by=("as_of", "kind", "rank"),
    partition_by=("as_of",),
)

CATEGORY_COVERAGE = Table(
    "category_coverage",
    "one row per as_of, category and month: who uses it",
    columns("""
        as_of        date!
        category     string!     # `all` for all of them together
        event_month  date        # null: all months before as_of together
        rows         long!
        tokens       long!
        accounts     long!
        account_share double!    # of the accounts with any row in that month
    """),
    unique_by=("as_of", "category", "event_month"),
    partition_by=("as_of",),
)

ACTIVITY_GAPS = Table(
    "activity_gaps",
    "one row per as_of and account with any row before it: months in which it was silent",
    columns("""
        as_of        date!
        account_id   string!
        first_month  date!
        last_month   date!
        active_months int!
        gap_months   int!        # months without a row between the first and the last
        longest_gap  int!        # the most of them in a row
        silent_months int!       # months without a row from the last one to as_of
    """),
    unique_by=("as_of", "account_id"),
    partition_by=("as_of",),
)

FEATURE_GROUPS = Table(
    "feature_groups",
    "one row per as_of and feature that varies: which others say the same",
    columns("""
        as_of        date!
        feature      string!
        group_number int!        # from 1, the largest group first; a feature alone is a group of one
        size         int!
        representative string!   # the member most like all others; one of them is enough
        correlation  double!     # Spearman's, with the representative
        strongest    string      # the feature most like it, in its group or not
        strongest_correlation double
    """),
    unique_by=("as_of", "feature"),
    partition_by=("as_of",),
)

# 7 reports ------------------------------------------------------------------------------------------------------

SEGMENT_INDUSTRIES = Table(
    "segment_industries",
    "one row per as_of, segment and known industry: are they together more often than by chance",
    columns("""
        as_of        date!
        method       string!     # the segments of the report: the consensus, or the first method
        segment      int!
        industry     string!     # as the accounts file says; industries filled in do not count
        accounts     long!       # with that label in that segment
        expected     double!     # if segment and industry had nothing to do with each other
        residual     double      # adjusted standardised residual (Haberman 1973); null where all accounts are alike
        p_value      double      # Fisher's exact test of the cell, two-sided
        q_value      double      # the same after Benjamini-Hochberg over all cells
    """),
    unique_by=("as_of", "method", "segment", "industry"),
    partition_by=("as_of",),
)

ACCOUNT_ACTIONS = Table(
    "account_actions",
    "one row per as_of, account and action: what somebody should do next, and why",
    columns("""
        as_of        date!
        account_id   string!
        action       string!     # fill, review, check label or reach out
        priority     int!        # 1 first, within the action
        industry     string      # to fill in, to look at, or the label in doubt; null for reach out
        suggested    string      # the second choice, or the industry that a label in doubt looks like
        probability  double      # of the industry, of the label in doubt, or of falling silent; null: no model says so
        expected_value double    # lifetime_value of account_values; null without a forecast
        why          string!     # in words
    """),
    unique_by=("as_of", "account_id", "action"),
    partition_by=("as_of",),
    constraints={"action_known": "action IN ('fill', 'review', 'check label', 'reach out')"},
)

REPORT_CHANGES = Table(
    "report_changes",
    "one row per as_of, topic and item of which the report says what it was the time before",
    columns("""
        as_of        date!
        topic        string!     # accounts, segments, industries, outlook
        item         string!
        before       double      # as of previous_as_of; null where there was none
        now          double      # null where there is none any more
        previous_as_of date      # null in the first report
    """),
    unique_by=("as_of", "topic", "item"),
    partition_by=("as_of",),
)

#: every table of this page
TABLES: tuple[Table, ...] = tuple(one for one in list(globals().values()) if isinstance(one, Table))
