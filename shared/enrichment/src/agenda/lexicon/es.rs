//! Spanish.

use super::Sign::*;
use super::Unit::*;
use super::Word::{self, Day as Days, Month as Months, Number, Sign, Unit, Weekday};

pub(super) const WORDS: &[(Word, &str)] = &[
    (Months(1), "enero|ene"),
    (Months(2), "febrero|feb"),
    (Months(3), "marzo|mar"),
    (Months(4), "abril|abr"),
    (Months(5), "mayo|may"),
    (Months(6), "junio|jun"),
    (Months(7), "julio|jul"),
    (Months(8), "agosto|ago"),
    (Months(9), "septiembre|setiembre|sept|sep"),
    (Months(10), "octubre|oct"),
    (Months(11), "noviembre|nov"),
    (Months(12), "diciembre|dic"),
    (Weekday(1), "lunes"),
    (Weekday(2), "martes"),
    (Weekday(3), "miércoles"),
    (Weekday(4), "jueves"),
    (Weekday(5), "viernes"),
    (Weekday(6), "sábado"),
    (Weekday(7), "domingo"),
    (Sign(Shy), "mar|may|mayo|ago"),
    (Number(1), "un|una|uno"),
    (Number(2), "dos"),
    (Number(3), "tres"),
    (Number(4), "cuatro"),
    (Number(5), "cinco"),
    (Number(6), "seis"),
    (Number(7), "siete"),
    (Number(8), "ocho"),
    (Number(9), "nueve"),
    (Number(10), "diez"),
    (Number(11), "once"),
    (Number(12), "doce"),
    (Number(15), "quince"),
    (Unit(Minute), "minuto|minutos"),
    (Unit(Hour), "hora|horas"),
    (Unit(Day), "día|días"),
    (Unit(Week), "semana|semanas"),
    (Unit(Month), "mes|meses"),
    (Unit(Year), "año|años"),
    (Days(0), "hoy|esta noche|esta tarde|esta mañana"),
    (
        Days(1),
        "mañana|mañana por la mañana|mañana por la tarde|mañana por la noche",
    ),
    (Days(2), "pasado mañana"),
    (Days(-1), "ayer|anoche"),
    (Days(-2), "anteayer"),
    (Sign(Last), "ayer|anoche|anteayer"),
    (
        Sign(Evening),
        "tarde|noche|esta noche|esta tarde|de la tarde|de la noche|por la tarde|por la noche|mañana por la tarde|\
         mañana por la noche",
    ),
    (Sign(Morning), "por la mañana|de la mañana|esta mañana"),
    (Sign(Noon), "mediodía|al mediodía|a mediodía"),
    (Sign(Midnight), "medianoche"),
    (Sign(OClock), "h|hs|horas"),
    (
        Sign(Next),
        "próximo|próxima|próximos|próximas|que viene|siguiente",
    ),
    (Sign(This), "este|esta"),
    (Sign(Last), "pasado|pasada|último|última"),
    (Sign(In), "en|dentro de"),
    (Sign(Within), "en menos de|en un plazo de|en los próximos"),
    (Sign(AgoBefore), "hace"),
    (
        Sign(By),
        "antes de|antes del|antes de el|hasta|hasta el|a más tardar|a más tardar el|para|para el|como muy tarde|\
         como muy tarde el|antes de la|vence el|vence",
    ),
    (Sign(On), "el|del|desde el|para el|a partir del|día|el día|en"),
    (Sign(At), "a las|a la|sobre las|desde las"),
    (Sign(From), "de|del|desde|entre|de las"),
    (Sign(To), "a|al|y|hasta|hasta las|a las|hasta el"),
    (Sign(Article), "el|la|los|las"),
    (Sign(Of), "de|del"),
    (Sign(End), "fin|final|finales"),
    (Sign(Begin), "principios|comienzos|inicio"),
    (Sign(Middle), "mediados"),
    (
        Sign(Again),
        "cada|todos los|todas las|diario|semanal|mensual|siempre|horario|diariamente",
    ),
    (
        Sign(Past),
        "fue|fueron|era|eran|estuvo|había|tuvo|abrió|cerró|dijo|nació|murió|ha sido|han sido|se pagó|fundó|llegó|pagó|hizo|tuvimos|fuimos|escribió",
    ),
    (Sign(Please), "por favor|favor de|porfa|se ruega|sírvase"),
    (
        Sign(Ask),
        "puedes|podrías|puede usted|podría usted|podéis|podríais|pueden|podrían|alguien puede|me puedes|nos puedes|te importa",
    ),
    (
        Sign(Must),
        "debe|deben|deberá|deberán|tiene que|tienen que|tenemos que|tengo que|hay que|habrá que|debemos|hace falta|debería",
    ),
    (Sign(Promise), "voy a|vamos a"),
    (Sign(Me), "yo|nosotros"),
    (Sign(With), "con"),
    (Sign(Not), "no|nunca|jamás"),
    (Sign(Be), "ser|estar|es|está|son|están"),
    (
        Sign(Verb),
        "acabar|actualizar|adjuntar|anotar|añadir|archivar|arreglar|avisar|buscar|cambiar|cancelar|cerrar|comprar|comprobar|\
         confirmar|contactar|contar|contestar|copiar|corregir|crear|dar|decidir|decir|dejar|devolver|elegir|encargar|entregar|\
         enviar|escribir|escanear|firmar|hablar|hacer|imprimir|informar|instalar|invitar|lavar|leer|limpiar|llamar|llevar|\
         mandar|mirar|modificar|mover|notificar|ordenar|organizar|pagar|pasar|pedir|pintar|planificar|poner|preguntar|\
         preparar|presentar|publicar|recoger|recordar|regar|registrar|renovar|reparar|repartir|reservar|responder|revisar|\
         sacar|solicitar|subir|terminar|traducir|traer|transferir|vaciar|ver|verificar|envía|envíe|manda|mande|llama|llame|\
         reserva|reserve|confirma|confirme|revisa|revise|compra|compre|trae|traiga|prepara|prepare|riega|ordena|paga|pague|\
         pregunta|escribe|firma|firme|sube|devuelve|busca|avisa|avise|limpia|recoge|entrega|entregue|haz|pon|di|dime",
    ),
    (
        Sign(Doing),
        "mando|envío|llamo|hago|compro|traigo|llevo|preparo|reservo|reviso|escribo|pago|pido|pregunto|busco|aviso|confirmo|\
         paso|recojo|entrego|encargo|subo|imprimo|organizo|termino|devuelvo|contesto|respondo|arreglo|enviaré|llamaré|haré|\
         compraré|traeré|prepararé|mandaré",
    ),
    (
        Sign(Label),
        "pendiente|pendientes|tarea|tareas|acción|acciones|por hacer|próximos pasos|puntos abiertos|acuerdos",
    ),
    (Sign(Deadline), "plazo|fecha límite|fecha tope|vencimiento|vence"),
    (
        Sign(Forget),
        "no olvides|no olvide|no olvidéis|no olvidar|recuerda|recordad|recuérdame|acuérdate de",
    ),
    (
        Sign(Urgent),
        "urgente|urgentes|urgentemente|inmediatamente|importante|cuanto antes|lo antes posible|de inmediato|prioritario|crítico|\
         en seguida|enseguida",
    ),
    (
        Sign(Someday),
        "cuando puedas|cuando pueda|cuando tengas tiempo|sin prisa|algún día|no corre prisa|no es urgente|opcional|\
         baja prioridad|prioridad baja",
    ),
    (Sign(Honorific), "sr|sra|srta|señor|señora|don|doña|dr|dra"),
    (
        Sign(Attend),
        "ven|venid|venir|asistir|participar|acudir|acompáñanos",
    ),
    (Sign(Thanks), "gracias"),
    (
        Sign(Event),
        "almuerzo|asamblea|audiencia|boda|campamento|celebración|cena|ceremonia|charla|cita|clase|comida|concierto|conferencia|\
         congreso|cumpleaños|curso|demostración|desayuno|encuentro|ensayo|ensayos|entrevista|evento|examen|excursión|\
         exposición|feria|festival|fiesta|formación|función|inauguración|jornada|jornadas|junta|lanzamiento|lectura|llamada|\
         mercadillo|mercado|partido|presentación|proyección|reunión|reuniones|salida|seminario|sesión|taller|torneo|viaje|\
         visita|vuelo|vacaciones|rastrillo|merienda|videollamada",
    ),
    (
        Sign(Occurs),
        "tendrá lugar|tiene lugar|se celebra|se celebrará|empieza|empiezan|comienza|nos vemos|quedamos|nos reunimos|llega|viene|se aplaza al|aplazada al|se traslada al|pasa al",
    ),
    (
        Sign(Tbd),
        "por confirmar|por definir|por determinar|por decidir|por concretar|a confirmar|sin fecha|fecha pendiente|\
         se anunciará|aún sin fecha",
    ),
    (Sign(Header), "de|para|cc|enviado|asunto|fecha|página"),
    (
        Sign(Stamped),
        "impreso|creado|modificado|generado|versión|consultado|actualizado|página",
    ),
    (
        Sign(Common),
        "el|la|los|las|un|una|unos|unas|él|ella|ellos|ellas|nosotros|vosotros|yo|tú|usted|se|este|esta|estos|estas|ese|esa|todo|\
         todos|toda|y|o|pero|si|cuando|donde|quién|quien|qué|que|por|porque|cómo|como|entonces|también|nadie|no|sí|nota|hola|\
         querido|querida|gracias|mañana|hoy|ayer|para|con|en|a|al|sobre|tras|después|antes|hasta|desde|de|del|capítulo|sección|\
         página|versión|fecha|hora|lugar|asunto|decisión|presentes|ausentes|factura|pago|alquiler|fianza|aún|solo|urgente|\
         importante|pregunta|respuesta|nada|nuestro|nuestra|mi|mis|tu|tus|su|sus|ningún|ninguna|puede|debe|será|es|son|era|ha|\
         han|hay|responsable|abierto|cerrado|próximo|próxima|último|pendiente|plazo",
    ),
];
