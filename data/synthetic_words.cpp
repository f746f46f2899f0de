#include "data/synthetic_words.h"

namespace orchid::data::words {
namespace {

using Text = std::string_view;

constexpr Noun kBakeryNouns[] = {
    {"loaf", "loaves"}, {"cake", "cakes"},       {"oven", "ovens"},      {"pie", "pies"},
    {"tray", "trays"},  {"bun", "buns"},         {"apron", "aprons"},    {"spoon", "spoons"},
    {"bowl", "bowls"},  {"biscuit", "biscuits"}, {"pastry", "pastries"}, {"tart", "tarts"},
    {"jar", "jars"},    {"kettle", "kettles"},   {"knife", "knives"},    {"recipe", "recipes"}};
constexpr Verb kBakeryVerbs[] = {
    {"bake", "bakes", "baked"},     {"cut", "cuts", "cut"},          {"sell", "sells", "sold"},
    {"eat", "eats", "ate"},         {"burn", "burns", "burned"},     {"stir", "stirs", "stirred"},
    {"taste", "tastes", "tasted"},  {"serve", "serves", "served"},   {"wrap", "wraps", "wrapped"},
    {"cool", "cools", "cooled"},    {"slice", "slices", "sliced"},   {"knead", "kneads", "kneaded"},
    {"weigh", "weighs", "weighed"}, {"praise", "praises", "praised"}};
constexpr Text kBakeryAdjectives[] = {"fresh", "warm", "sweet", "crisp", "golden",
                                      "burnt", "soft", "stale", "salty", "famous"};
constexpr Text kBakeryPlaces[] = {"kitchen", "bakery", "market", "cellar", "shop"};

constexpr Noun kHarbourNouns[] = {
    {"boat", "boats"},     {"net", "nets"},     {"sail", "sails"},       {"anchor", "anchors"},
    {"rope", "ropes"},     {"fish", "fish"},    {"lantern", "lanterns"}, {"oar", "oars"},
    {"crate", "crates"},   {"chart", "charts"}, {"buoy", "buoys"},       {"mast", "masts"},
    {"barrel", "barrels"}, {"hull", "hulls"},   {"gull", "gulls"},       {"island", "islands"}};
constexpr Verb kHarbourVerbs[] = {
    {"catch", "catches", "caught"},    {"throw", "throws", "threw"},
    {"steer", "steers", "steered"},    {"lose", "loses", "lost"},
    {"find", "finds", "found"},        {"mend", "mends", "mended"},
    {"load", "loads", "loaded"},       {"clean", "cleans", "cleaned"},
    {"paint", "paints", "painted"},    {"tow", "tows", "towed"},
    {"ship", "ships", "shipped"},      {"watch", "watches", "watched"},
    {"repair", "repairs", "repaired"}, {"lower", "lowers", "lowered"}};
constexpr Text kHarbourAdjectives[] = {"old",    "wet",  "heavy",  "leaky",  "rusty",
                                       "salted", "fast", "broken", "silver", "empty"};
constexpr Text kHarbourPlaces[] = {"harbour", "beach", "pier", "lighthouse", "bay"};

constexpr Noun kFarmNouns[] = {
    {"cow", "cows"},       {"sheep", "sheep"},    {"goose", "geese"},      {"barn", "barns"},
    {"plough", "ploughs"}, {"field", "fields"},   {"fence", "fences"},     {"cart", "carts"},
    {"horse", "horses"},   {"egg", "eggs"},       {"potato", "potatoes"},  {"hen", "hens"},
    {"calf", "calves"},    {"bucket", "buckets"}, {"tractor", "tractors"}, {"orchard", "orchards"}};
constexpr Verb kFarmVerbs[] = {{"feed", "feeds", "fed"},
                               {"ride", "rides", "rode"},
                               {"grow", "grows", "grew"},
                               {"dig", "digs", "dug"},
                               {"sow", "sows", "sowed"},
                               {"milk", "milks", "milked"},
                               {"plant", "plants", "planted"},
                               {"water", "waters", "watered"},
                               {"harvest", "harvests", "harvested"},
                               {"plough", "ploughs", "ploughed"},
                               {"lead", "leads", "leaded"},
                               {"count", "counts", "counted"},
                               {"guard", "guards", "guarded"},
                               {"carry", "carries", "carried"}};
constexpr Text kFarmAdjectives[] = {"muddy", "young", "brown", "healthy",  "hungry",
                                    "ripe",  "wide",  "green", "stubborn", "gentle"};
constexpr Text kFarmPlaces[] = {"farm", "meadow", "valley", "stable", "yard"};

constexpr Noun kLibraryNouns[] = {{"book", "books"},     {"shelf", "shelves"},
                                  {"letter", "letters"}, {"page", "pages"},
                                  {"map", "maps"},       {"desk", "desks"},
                                  {"lamp", "lamps"},     {"poem", "poems"},
                                  {"story", "stories"},  {"dictionary", "dictionaries"},
                                  {"card", "cards"},     {"newspaper", "newspapers"},
                                  {"stamp", "stamps"},   {"index", "indexes"},
                                  {"diary", "diaries"},  {"chapter", "chapters"}};
constexpr Verb kLibraryVerbs[] = {{"read", "reads", "read"},
                                  {"write", "writes", "wrote"},
                                  {"lend", "lends", "lent"},
                                  {"borrow", "borrows", "borrowed"},
                                  {"copy", "copies", "copied"},
                                  {"return", "returns", "returned"},
                                  {"sort", "sorts", "sorted"},
                                  {"cover", "covers", "covered"},
                                  {"translate", "translates", "translated"},
                                  {"print", "prints", "printed"},
                                  {"quote", "quotes", "quoted"},
                                  {"study", "studies", "studied"},
                                  {"close", "closes", "closed"},
                                  {"open", "opens", "opened"}};
constexpr Text kLibraryAdjectives[] = {"rare",  "dusty", "long",     "thick",  "ancient",
                                       "quiet", "new",   "borrowed", "secret", "torn"};
constexpr Text kLibraryPlaces[] = {"library", "school", "archive", "museum", "reading-room"};

constexpr Noun kMusicNouns[] = {
    {"song", "songs"},      {"violin", "violins"},     {"drum", "drums"},
    {"piano", "pianos"},    {"flute", "flutes"},       {"concert", "concerts"},
    {"note", "notes"},      {"choir", "choirs"},       {"stage", "stages"},
    {"melody", "melodies"}, {"trumpet", "trumpets"},   {"guitar", "guitars"},
    {"string", "strings"},  {"audience", "audiences"}, {"cello", "cellos"},
    {"rhythm", "rhythms"}};
constexpr Verb kMusicVerbs[] = {{"sing", "sings", "sang"},
                                {"play", "plays", "played"},
                                {"hear", "hears", "heard"},
                                {"tune", "tunes", "tuned"},
                                {"practise", "practises", "practised"},
                                {"compose", "composes", "composed"},
                                {"record", "records", "recorded"},
                                {"hum", "hums", "hummed"},
                                {"perform", "performs", "performed"},
                                {"repeat", "repeats", "repeated"},
                                {"admire", "admires", "admired"},
                                {"love", "loves", "loved"},
                                {"learn", "learns", "learned"},
                                {"teach", "teaches", "taught"}};
constexpr Text kMusicAdjectives[] = {"loud",      "slow",  "sad",    "cheerful", "gentle",
                                     "difficult", "short", "lively", "strange",  "beautiful"};
constexpr Text kMusicPlaces[] = {"theatre", "hall", "studio", "church", "square"};

constexpr Noun kWorkshopNouns[] = {
    {"table", "tables"},   {"chair", "chairs"},   {"hammer", "hammers"}, {"nail", "nails"},
    {"saw", "saws"},       {"plank", "planks"},   {"door", "doors"},     {"box", "boxes"},
    {"ladder", "ladders"}, {"drawer", "drawers"}, {"bench", "benches"},  {"hinge", "hinges"},
    {"wheel", "wheels"},   {"roof", "roofs"},     {"screw", "screws"},   {"window", "windows"}};
constexpr Verb kWorkshopVerbs[] = {{"build", "builds", "built"},
                                   {"bend", "bends", "bent"},
                                   {"hold", "holds", "held"},
                                   {"break", "breaks", "broke"},
                                   {"cut", "cuts", "cut"},
                                   {"measure", "measures", "measured"},
                                   {"polish", "polishes", "polished"},
                                   {"sand", "sands", "sanded"},
                                   {"glue", "glues", "glued"},
                                   {"fix", "fixes", "fixed"},
                                   {"order", "orders", "ordered"},
                                   {"design", "designs", "designed"},
                                   {"varnish", "varnishes", "varnished"},
                                   {"sharpen", "sharpens", "sharpened"}};
constexpr Text kWorkshopAdjectives[] = {"solid",  "wooden", "crooked", "smooth", "rough",
                                        "square", "heavy",  "cheap",   "narrow", "strong"};
constexpr Text kWorkshopPlaces[] = {"workshop", "shed", "garage", "attic", "factory"};

constexpr Noun kHospitalNouns[] = {
    {"patient", "patients"}, {"nurse", "nurses"},   {"bandage", "bandages"}, {"pill", "pills"},
    {"bed", "beds"},         {"fever", "fevers"},   {"needle", "needles"},   {"report", "reports"},
    {"ward", "wards"},       {"bottle", "bottles"}, {"wound", "wounds"},     {"clinic", "clinics"},
    {"test", "tests"},       {"mask", "masks"},     {"scale", "scales"},     {"cough", "coughs"}};
constexpr Verb kHospitalVerbs[] = {
    {"examine", "examines", "examined"}, {"treat", "treats", "treated"},
    {"visit", "visits", "visited"},      {"heal", "heals", "healed"},
    {"check", "checks", "checked"},      {"help", "helps", "helped"},
    {"cure", "cures", "cured"},          {"describe", "describes", "described"},
    {"watch", "watches", "watched"},     {"record", "records", "recorded"},
    {"prepare", "prepares", "prepared"}, {"clean", "cleans", "cleaned"},
    {"call", "calls", "called"},         {"comfort", "comforts", "comforted"}};
constexpr Text kHospitalAdjectives[] = {"sick",    "weak",   "pale",  "patient", "careful",
                                        "painful", "urgent", "tired", "mild",    "serious"};
constexpr Text kHospitalPlaces[] = {"hospital", "clinic", "ward", "pharmacy", "laboratory"};

constexpr Noun kRailwayNouns[] = {
    {"train", "trains"},       {"ticket", "tickets"},   {"station", "stations"},
    {"carriage", "carriages"}, {"engine", "engines"},   {"bridge", "bridges"},
    {"tunnel", "tunnels"},     {"signal", "signals"},   {"platform", "platforms"},
    {"suitcase", "suitcases"}, {"track", "tracks"},     {"whistle", "whistles"},
    {"bell", "bells"},         {"journey", "journeys"}, {"crossing", "crossings"},
    {"guard", "guards"}};
constexpr Verb kRailwayVerbs[] = {
    {"drive", "drives", "drove"},         {"stop", "stops", "stopped"},
    {"start", "starts", "started"},       {"cross", "crosses", "crossed"},
    {"inspect", "inspects", "inspected"}, {"miss", "misses", "missed"},
    {"delay", "delays", "delayed"},       {"pull", "pulls", "pulled"},
    {"push", "pushes", "pushed"},         {"announce", "announces", "announced"},
    {"clean", "cleans", "cleaned"},       {"paint", "paints", "painted"},
    {"couple", "couples", "coupled"},     {"repair", "repairs", "repaired"}};
constexpr Text kRailwayAdjectives[] = {"late",  "crowded", "express", "local",  "noisy",
                                       "empty", "long",    "slow",    "modern", "northern"};
constexpr Text kRailwayPlaces[] = {"station", "tunnel", "depot", "village", "city"};

constexpr Noun kGardenNouns[] = {
    {"rose", "roses"},    {"tree", "trees"},   {"flower", "flowers"}, {"seed", "seeds"},
    {"bush", "bushes"},   {"path", "paths"},   {"leaf", "leaves"},    {"spade", "spades"},
    {"pot", "pots"},      {"weed", "weeds"},   {"bee", "bees"},       {"wall", "walls"},
    {"bench", "benches"}, {"hedge", "hedges"}, {"tulip", "tulips"},   {"pond", "ponds"}};
constexpr Verb kGardenVerbs[] = {{"plant", "plants", "planted"}, {"trim", "trims", "trimmed"},
                                 {"water", "waters", "watered"}, {"pick", "picks", "picked"},
                                 {"pull", "pulls", "pulled"},    {"grow", "grows", "grew"},
                                 {"dig", "digs", "dug"},         {"pot", "pots", "potted"},
                                 {"rake", "rakes", "raked"},     {"prune", "prunes", "pruned"},
                                 {"smell", "smells", "smelled"}, {"gather", "gathers", "gathered"},
                                 {"shade", "shades", "shaded"},  {"move", "moves", "moved"}};
constexpr Text kGardenAdjectives[] = {"red",      "yellow", "tall",  "wild", "thorny",
                                      "fragrant", "dry",    "shady", "tiny", "bright"};
constexpr Text kGardenPlaces[] = {"garden", "park", "greenhouse", "cottage", "courtyard"};

constexpr Noun kCastleNouns[] = {
    {"sword", "swords"},        {"crown", "crowns"},       {"tower", "towers"},
    {"knight", "knights"},      {"gate", "gates"},         {"shield", "shields"},
    {"throne", "thrones"},      {"banner", "banners"},     {"dragon", "dragons"},
    {"castle", "castles"},      {"feast", "feasts"},       {"horse", "horses"},
    {"wall", "walls"},          {"treasure", "treasures"}, {"army", "armies"},
    {"messenger", "messengers"}};
constexpr Verb kCastleVerbs[] = {{"defend", "defends", "defended"},
                                 {"attack", "attacks", "attacked"},
                                 {"raise", "raises", "raised"},
                                 {"lose", "loses", "lost"},
                                 {"win", "wins", "won"},
                                 {"guard", "guards", "guarded"},
                                 {"hide", "hides", "hided"},
                                 {"find", "finds", "found"},
                                 {"honour", "honours", "honoured"},
                                 {"fear", "fears", "feared"},
                                 {"follow", "follows", "followed"},
                                 {"hunt", "hunts", "hunted"},
                                 {"send", "sends", "sent"},
                                 {"bring", "brings", "brought"}};
constexpr Text kCastleAdjectives[] = {"brave",  "royal", "cruel", "golden", "ancient",
                                      "mighty", "proud", "loyal", "dark",   "noble"};
constexpr Text kCastlePlaces[] = {"castle", "forest", "court", "dungeon", "kingdom"};

constexpr Noun kObservatoryNouns[] = {
    {"star", "stars"},           {"planet", "planets"},   {"telescope", "telescopes"},
    {"comet", "comets"},         {"moon", "moons"},       {"lens", "lenses"},
    {"galaxy", "galaxies"},      {"cloud", "clouds"},     {"orbit", "orbits"},
    {"satellite", "satellites"}, {"eclipse", "eclipses"}, {"dome", "domes"},
    {"signal", "signals"},       {"map", "maps"},         {"rocket", "rockets"},
    {"crater", "craters"}};
constexpr Verb kObservatoryVerbs[] = {
    {"observe", "observes", "observed"},  {"see", "sees", "saw"},
    {"study", "studies", "studied"},      {"photograph", "photographs", "photographed"},
    {"measure", "measures", "measured"},  {"discover", "discovers", "discovered"},
    {"track", "tracks", "tracked"},       {"name", "names", "named"},
    {"chart", "charts", "charted"},       {"scan", "scans", "scanned"},
    {"predict", "predicts", "predicted"}, {"draw", "draws", "drew"},
    {"explain", "explains", "explained"}, {"find", "finds", "found"}};
constexpr Text kObservatoryAdjectives[] = {"distant", "bright", "faint",   "cold", "giant",
                                           "unknown", "clear",  "visible", "icy",  "round"};
constexpr Text kObservatoryPlaces[] = {"observatory", "laboratory", "hill", "desert",
                                       "planetarium"};

constexpr Noun kTailorNouns[] = {
    {"coat", "coats"},     {"dress", "dresses"},  {"button", "buttons"}, {"thread", "threads"},
    {"scarf", "scarves"},  {"shirt", "shirts"},   {"needle", "needles"}, {"hat", "hats"},
    {"glove", "gloves"},   {"ribbon", "ribbons"}, {"sleeve", "sleeves"}, {"pocket", "pockets"},
    {"collar", "collars"}, {"mirror", "mirrors"}, {"cloth", "cloths"},   {"skirt", "skirts"}};
constexpr Verb kTailorVerbs[] = {{"sew", "sews", "sewed"},
                                 {"wear", "wears", "wore"},
                                 {"knit", "knits", "knitted"},
                                 {"fold", "folds", "folded"},
                                 {"iron", "irons", "ironed"},
                                 {"wash", "washes", "washed"},
                                 {"dye", "dyes", "dyed"},
                                 {"cut", "cuts", "cut"},
                                 {"hang", "hangs", "hung"},
                                 {"choose", "chooses", "chose"},
                                 {"measure", "measures", "measured"},
                                 {"stitch", "stitches", "stitched"},
                                 {"mend", "mends", "mended"},
                                 {"press", "presses", "pressed"}};
constexpr Text kTailorAdjectives[] = {"woollen", "blue",  "elegant", "loose", "tight",
                                      "striped", "plain", "silk",    "black", "fashionable"};
constexpr Text kTailorPlaces[] = {"shop", "market", "fair", "palace", "laundry"};

constexpr Noun kOfficeNouns[] = {
    {"computer", "computers"}, {"letter", "letters"},   {"file", "files"},
    {"meeting", "meetings"},   {"phone", "phones"},     {"report", "reports"},
    {"printer", "printers"},   {"desk", "desks"},       {"contract", "contracts"},
    {"email", "emails"},       {"office", "offices"},   {"invoice", "invoices"},
    {"budget", "budgets"},     {"manager", "managers"}, {"plan", "plans"},
    {"screen", "screens"}};
constexpr Verb kOfficeVerbs[] = {
    {"send", "sends", "sent"},           {"sign", "signs", "signed"},
    {"print", "prints", "printed"},      {"check", "checks", "checked"},
    {"delete", "deletes", "deleted"},    {"type", "types", "typed"},
    {"answer", "answers", "answered"},   {"plan", "plans", "planned"},
    {"approve", "approves", "approved"}, {"file", "files", "filed"},
    {"copy", "copies", "copied"},        {"finish", "finishes", "finished"},
    {"lose", "loses", "lost"},           {"forward", "forwards", "forwarded"}};
constexpr Text kOfficeAdjectives[] = {"urgent", "monthly",   "private", "official", "short",
                                      "boring", "important", "final",   "missing",  "annual"};
constexpr Text kOfficePlaces[] = {"office", "bank", "tower", "basement", "lobby"};

constexpr Noun kSportNouns[] = {
    {"ball", "balls"},        {"team", "teams"},       {"goal", "goals"},
    {"match", "matches"},     {"race", "races"},       {"player", "players"},
    {"medal", "medals"},      {"bat", "bats"},         {"coach", "coaches"},
    {"record", "records"},    {"field", "fields"},     {"jersey", "jerseys"},
    {"trophy", "trophies"},   {"referee", "referees"}, {"crowd", "crowds"},
    {"training", "trainings"}};
constexpr Verb kSportVerbs[] = {
    {"kick", "kicks", "kicked"},    {"throw", "throws", "threw"},    {"catch", "catches", "caught"},
    {"win", "wins", "won"},         {"lose", "loses", "lost"},       {"hit", "hits", "hit"},
    {"pass", "passes", "passed"},   {"watch", "watches", "watched"}, {"train", "trains", "trained"},
    {"beat", "beats", "beated"},    {"lead", "leads", "leaded"},     {"cheer", "cheers", "cheered"},
    {"choose", "chooses", "chose"}, {"coach", "coaches", "coached"}};
constexpr Text kSportAdjectives[] = {"fast",   "fair", "strong", "young", "tired",
                                     "famous", "hard", "final",  "early", "national"};
constexpr Text kSportPlaces[] = {"stadium", "gym", "field", "arena", "club"};

constexpr Topic kTopics[] = {
    {"bakery", "baker", kBakeryNouns, kBakeryVerbs, kBakeryAdjectives, kBakeryPlaces},
    {"harbour", "sailor", kHarbourNouns, kHarbourVerbs, kHarbourAdjectives, kHarbourPlaces},
    {"farm", "farmer", kFarmNouns, kFarmVerbs, kFarmAdjectives, kFarmPlaces},
    {"library", "librarian", kLibraryNouns, kLibraryVerbs, kLibraryAdjectives, kLibraryPlaces},
    {"music", "musician", kMusicNouns, kMusicVerbs, kMusicAdjectives, kMusicPlaces},
    {"workshop", "carpenter", kWorkshopNouns, kWorkshopVerbs, kWorkshopAdjectives, kWorkshopPlaces},
    {"hospital", "doctor", kHospitalNouns, kHospitalVerbs, kHospitalAdjectives, kHospitalPlaces},
    {"railway", "driver", kRailwayNouns, kRailwayVerbs, kRailwayAdjectives, kRailwayPlaces},
    {"garden", "gardener", kGardenNouns, kGardenVerbs, kGardenAdjectives, kGardenPlaces},
    {"castle", "king", kCastleNouns, kCastleVerbs, kCastleAdjectives, kCastlePlaces},
    {"observatory", "astronomer", kObservatoryNouns, kObservatoryVerbs, kObservatoryAdjectives,
     kObservatoryPlaces},
    {"tailor", "tailor", kTailorNouns, kTailorVerbs, kTailorAdjectives, kTailorPlaces},
    {"office", "clerk", kOfficeNouns, kOfficeVerbs, kOfficeAdjectives, kOfficePlaces},
    {"sport", "coach", kSportNouns, kSportVerbs, kSportAdjectives, kSportPlaces}};

constexpr Name kNames[] = {
    {"Anna", true},    {"Adam", false},   {"Clara", true},   {"Ben", false},    {"Emma", true},
    {"Carl", false},   {"Grace", true},   {"David", false},  {"Helen", true},   {"Edward", false},
    {"Ivy", true},     {"Felix", false},  {"Julia", true},   {"George", false}, {"Laura", true},
    {"Henry", false},  {"Maria", true},   {"Isaac", false},  {"Nora", true},    {"Jack", false},
    {"Olivia", true},  {"Leo", false},    {"Rosa", true},    {"Martin", false}, {"Sarah", true},
    {"Oscar", false},  {"Sophie", true},  {"Paul", false},   {"Alice", true},   {"Robert", false},
    {"Edith", true},   {"Simon", false},  {"Martha", true},  {"Thomas", false}, {"Ruth", true},
    {"Victor", false}, {"Irene", true},   {"Walter", false}, {"Eva", true},     {"Hugo", false},
    {"Agnes", true},   {"Arthur", false}, {"Bella", true},   {"Frank", false},  {"Diana", true},
    {"Albert", false}, {"Flora", true},   {"Oliver", false}};
constexpr Text kCities[] = {"London", "Paris",     "Vienna",  "Dublin",  "Oslo",
                            "Lisbon", "Prague",    "Boston",  "Cairo",   "Athens",
                            "Geneva", "Bergen",    "Chester", "Norwich", "Exeter",
                            "Milton", "Arlington", "Elmwood", "Oakdale", "Kingsport"};
constexpr Text kAdverbs[] = {"quickly", "slowly", "carefully", "quietly",  "proudly",
                             "often",   "always", "never",     "rarely",   "usually",
                             "gladly",  "calmly", "silently",  "suddenly", "politely",
                             "badly",   "well",   "twice",     "again"};
constexpr Text kTimesPast[] = {"yesterday",      "last week", "last year",    "in the morning",
                               "in the evening", "on Monday", "on Friday",    "in spring",
                               "in winter",      "long ago",  "two days ago", "before noon",
                               "after lunch",    "at night"};
constexpr Text kTimesPresent[] = {"every day",   "every week", "every morning", "on Sundays",
                                  "in summer",   "at noon",    "in autumn",     "each evening",
                                  "at weekends", "most days"};
constexpr Text kFeelings[] = {"happy",  "sad",       "angry",  "proud",   "tired",
                              "afraid", "curious",   "lonely", "glad",    "worried",
                              "calm",   "surprised", "bored",  "grateful"};

}  // namespace

std::span<const Topic> topics() {
  return kTopics;
}
std::span<const Name> names() {
  return kNames;
}
std::span<const std::string_view> cities() {
  return kCities;
}
std::span<const std::string_view> adverbs() {
  return kAdverbs;
}
std::span<const std::string_view> times_past() {
  return kTimesPast;
}
std::span<const std::string_view> times_present() {
  return kTimesPresent;
}
std::span<const std::string_view> feelings() {
  return kFeelings;
}

}  // namespace orchid::data::words
